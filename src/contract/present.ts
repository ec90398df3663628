/** The object without the properties that are undefined. */
export function present<Whole extends object>(whole: Whole): Present<Whole> {
  return Object.fromEntries(
    Object.entries(whole).filter(([, value]) => value !== undefined),
  ) as Present<Whole>;
}

type Present<Whole> = {
  [Key in keyof Whole as undefined extends Whole[Key] ? never : Key]: Whole[Key];
} & { [Key in keyof Whole as undefined extends Whole[Key] ? Key : never]?: Exclude<Whole[Key], undefined> };
