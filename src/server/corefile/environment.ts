/** Environment references in words: `{$NAME}` and `{%NAME%}`. A variable that is not set is the empty string. */

export type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\{\$([^}]+)\}|\{%(.+?)%\}/gs;

/** Values are put in as they are: a reference inside a value is not followed. */
export function expandEnvironment(text: string, environment: Environment): string {
  if (!text.includes("{")) return text;
  return text.replaceAll(REFERENCE, (_, unix?: string, windows?: string) => {
    const name = unix ?? windows ?? "";
    return Object.hasOwn(environment, name) ? (environment[name] ?? "") : "";
  });
}

/** Whether reading `text` again would replace a part of it. */
export function holdsReference(text: string): boolean {
  return text.search(REFERENCE) >= 0;
}
