import { runPlanned } from "./faults.ts";

// A session in a process of its own, to be killed: the lab and the plan come as arguments.
const [lab, plan] = process.argv.slice(2) as [string, string];
await runPlanned(lab, JSON.parse(plan), {
  onSpoken: () => process.stdout.write("spoken\n"),
  onEvent: (event) => {
    if (event.type === "decision") process.stdout.write(`decided ${event.number} ${event.decision.kind}\n`);
  },
});
