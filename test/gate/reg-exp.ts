export const NAME = new RegExp('^[a-z]+$'); // bad: RegExp
