export class Filter {} // bad: class
