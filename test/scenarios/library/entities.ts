export enum Language {
  German = 'de',
  English = 'en',
  Ukrainian = 'uk',
}

export interface Hero {
  id: number;
  name: string;
  language: Language;
}

export interface Child {
  id: number;
  name: string;
  language: Language;
  /** A date without a time, such as `2018-05-01`. */
  bornOn: string;
}

/** Years of age, both ends included. */
export class AgeRange {
  constructor(
    readonly from: number,
    readonly to: number,
  ) {}

  includes(age: number): boolean {
    return age >= this.from && age <= this.to;
  }
}

export class Story {
  constructor(
    readonly id: number,
    readonly heroId: number,
    readonly childId: number,
    readonly language: Language,
    readonly title: string,
    readonly ages: AgeRange,
    readonly createdAt: Date,
  ) {}

  isFor(age: number): boolean {
    return this.ages.includes(age);
  }
}
