export function make(list: (() => number)[]): void {
  for (let i = 0; i < 3; i++) {
    list.push(function () { // bad: function made in a loop
      return i;
    });
  }
}
