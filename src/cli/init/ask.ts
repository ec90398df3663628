import { UserError } from "../../errors.ts";
import { type Known, type Question, splitGlobs } from "./questions.ts";

/** Asks a person at a terminal only for what is not known. @throws UserError when the person leaves. */
export async function ask(known: Known, open: readonly Question[]): Promise<Known> {
  const prompts = await import("@clack/prompts");
  const answered = <Value>(value: Value): Exclude<Value, symbol> => {
    if (prompts.isCancel(value)) throw new UserError("nothing was written");
    return value as Exclude<Value, symbol>;
  };
  const text = async (message: string, placeholder: string): Promise<string> => {
    const validate = (value: string | undefined) => (value?.trim() ? undefined : "something is needed here");
    return answered(await prompts.text({ message, placeholder, validate })).trim();
  };
  prompts.intro("A lab is one file, program.md. What could be found out is filled in.");
  const result: Known = { ...known };
  for (const question of open)
    switch (question) {
      case "run":
        result.run = await text("Which command runs a candidate?", "node train.ts");
        break;
      case "change":
        result.change = splitGlobs(
          await text("Which files may a candidate change?", "train.ts, src/**/*.ts"),
        );
        break;
      case "metric":
        result.metric = await text("Which metric decides? It is printed as `name: value`.", "val_loss");
        break;
      case "direction":
        result.direction = answered(
          await prompts.select({
            message: `Which way is ${result.metric ?? "the metric"} better?`,
            options: [
              { value: "minimize" as const, label: "lower" },
              { value: "maximize" as const, label: "higher" },
            ],
          }),
        );
    }
  return result;
}
