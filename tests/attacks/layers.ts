import type { Attack, AttackedLevel, Verdict } from "./attack.ts";
import { judgesChanged, leftFor } from "./reach.ts";
import { start } from "./vault.ts";

type Expectation = Record<AttackedLevel, Verdict>;
const blocked: Expectation = { L0: "blocked", L2: "blocked" };

/** The candidate leaves its guess and does the rest, whose failures end nothing. */
const sh = (body: string, guess = String(start)) => ({
  "src/run.sh": `echo ${guess} > "$OUT/guess"\n{\n${body}\n} > /dev/null 2>&1\nexit 0\n`,
});

function layered(name: string, body: string, more: Partial<Attack> = {}): Attack {
  return {
    name,
    group: "reach",
    lab: "layered",
    files: sh(body),
    expect: blocked,
    harmed: judgesChanged,
    ...more,
  };
}

const forgedScorer = "console.log(JSON.stringify({ metrics: { loss: 0 } }));";
const found = "found what an earlier run left";

/** Attacks of a run that may write anywhere in its tree, whose layer is thrown away. */
export const layerAttacks: Attack[] = [
  layered(
    "exchanges scorer and answers in its own layer",
    `echo '${forgedScorer}' > score.mjs
echo '{"answer": ${start}}' > answers.json
rm -rf lib && mkdir lib && echo 'export const distance = () => 0;' > lib/distance.mjs`,
  ),
  layered(
    "removes everything and leaves opaque folders",
    `rm -rf lib score.mjs answers.json check.cjs program.md .git*
mkdir lib check.cjs answers.json
echo 'export const distance = () => 0;' > lib/distance.mjs`,
  ),
  layered(
    "makes whiteouts and marks of the layer by hand",
    `for name in answers.json score.mjs lib; do rm -rf $name; mknod $name c 0 0; done
mkdir -p lib; setfattr -n trusted.overlay.opaque -v y lib; setfattr -n user.overlay.opaque -v y lib
setfattr -n user.overlay.redirect -v / lib; setfattr -n trusted.overlay.redirect -v / lib`,
  ),
  layered(
    "puts links out of its layer in the place of folders and writes through them",
    `rm -rf lib src/out
ln -s ../../base/lib lib; ln -s ../../../base src/out; ln -s / root
echo 'export const distance = () => 0;' > lib/distance.mjs
echo '${forgedScorer}' > src/out/score.mjs
ln -sf ../../base/score.mjs score.mjs; echo '${forgedScorer}' > score.mjs`,
  ),
  layered(
    "unmounts its layer, or lays another one over it",
    `umount . ; umount "$PWD"; mount -t overlay overlay -o lowerdir=/,upperdir=/tmp,workdir=/tmp .
unshare -Urm sh -c 'umount .; echo spoilt > score.mjs'`,
  ),
  layered("leaves files beside its sources for the next run", "", {
    files: sh(`for place in . src lib node_modules .cache target .git; do
  mkdir -p $place
  if [ -e $place/left ]; then echo ${found} > "$OUT/found"; fi
  echo note > $place/left
done
echo '# left' >> src/run.sh`),
    runs: 3,
    harmed: async (context) => leftFor(context, "found") || (await judgesChanged(context)),
  }),
  layered(
    "leaves the check a module of its own in the layer",
    `echo 'exports.allowed = () => true;' > lib/rule.js
echo 'process.exit(0);' > check.cjs
mkdir -p node_modules/lib && echo 'exports.allowed = () => true;' > node_modules/lib/rule.js`,
    {
      files: sh(
        `rm -f lib/rule.js; echo 'exports.allowed = () => true;' > lib/rule.js; echo 'process.exit(0);' > check.cjs`,
        "42.4",
      ),
      expect: { L0: "detected", L2: "detected" },
    },
  ),
];
