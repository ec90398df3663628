import { stringify } from "yaml";

/** Told by its metadata: a skill of this name that somebody else wrote is never replaced. */
export const mark = "whetstone init";

/** A SKILL.md in the form of the Agent Skills specification. */
export function skillText(labs: readonly string[], program: readonly string[]): string {
  const whet = program.join(" ");
  const named = labs.map((lab) => (lab === "" ? "." : lab));
  const front = {
    name: "whetstone",
    description:
      "Improve code, prompts or configuration against a measured metric. Use when asked to optimise, speed up, tune or research in a folder with a program.md, to run experiments, or to go on with a Whetstone session.",
    compatibility: "Needs the whet command (Node 22.18 or newer), git, and a folder with a program.md.",
    metadata: { writer: mark, labs: named.join(", ") },
  };
  return `---\n${stringify(front, { lineWidth: 0 })}---\n${body(named, whet)}`;
}

function body(labs: readonly string[], whet: string): string {
  const lab = labs[0] === "." || labs[0] === undefined ? "" : ` ${labs[0]}`;
  return `# Research with Whetstone

You propose one change at a time. Whetstone measures it against the best state so far, on fresh seeds, and decides. You
never state a number or a verdict: what counts is what it measures. Kept changes are committed to a branch of their own;
the user's files are never touched.

Labs here: ${labs.join(", ")} (a lab is a folder with a \`program.md\`).

## Begin

1. Read the lab's \`program.md\`: the goal, what may change (\`change\`), what else counts (guards, checks).
2. \`${whet} start${lab}\` prepares the session and prints the workspace. All editing happens there, nowhere else.
3. \`${whet} context${lab}\` tells what has been tried, what worked, near misses, dead ends and open ideas.

From within the workspace the lab need not be named.

## The loop

1. Choose one idea. Look at near misses and open ideas first; do not repeat a dead end in other words.
2. Edit the files in the workspace: only those that \`change\` allows, and one idea only. A small change that is
   understood teaches more than five at once.
3. Measure it:

   \`\`\`
   ${whet} try -m "what changed, in one line" --because "the mechanism by which it should help" --expect "what should be seen"
   \`\`\`

4. Read the answer: decision, effect with its interval, reason, best so far, what is left. Then say what follows for the
   next idea, about the mechanism and not about the number:

   \`\`\`
   ${whet} learn 12 --refuted "the schedule was not the bottleneck: loss is flat from step 200 on"
   \`\`\`

5. Go on with the next idea, without asking, until the answer says STOP (exit code 3).

## What the answers mean

| answer | what it means |
|---|---|
| KEEP | it is better; the workspace is on the new best state |
| DISCARD | not better, or not by enough to be sure; the workspace is back on the best state |
| CRASH, TIMEOUT | the run failed: read the log's end, repair the idea (\`${whet} start --from 12\` brings the edit back) and try again |
| INVALID | something else than the allowed files was changed; your version of it is kept, and the edit alone may be tried again |
| not measured, exit 2 | nothing has changed, or these files were measured before: change something else |
| STOP, exit 3 | a limit is reached: finish with \`${whet} audit${lab}\` and report |

- The workspace is reset after each try; nothing is lost: \`${whet} diff 12\`, \`${whet} show 12\`, \`${whet} log\`.
- A try takes as long as its runs, often many times the budget of one. If your shell ends commands earlier, run it in the
  background and wait for it. One that was cut off is not lost: give the same command again, it goes on where it was.
- Do not touch the scorer, the checks or \`program.md\`, do not look for hidden data, and do not edit \`.whetstone\`: such a
  change is recorded and never counts.
- Do not run git in the user's repository. Programs may be tried out in the workspace; only \`${whet} try\` counts.

## When it does not get better

- After 5 discards in a row refine the near misses; combine two of them.
- After 10 change direction: another part of the code, another kind of idea.
- After 20 go back to the assumptions: read the code again, and write down (\`${whet} ideas add "..."\`) what nobody has
  questioned yet.
- Simpler code with the same result is kept too: removing is an idea.
- Note ideas that you do not follow now: \`${whet} ideas add "..."\`. Take one up with \`${whet} try --idea 3 ...\`.

## At the end

When a limit is reached, run \`${whet} audit${lab}\`: it measures baseline and best side by side on fresh seeds, and only its
figure is the result. Report it with its interval, the branch, and what you learnt.
`;
}
