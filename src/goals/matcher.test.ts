import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Task } from "./goal.ts";
import { assignTasks, type Candidate, type PastTask } from "./matcher.ts";
import { planFaults } from "./plan.ts";

const task = (key: string, more: Partial<Task> = {}): Task => ({
  ...{ key, title: key, description: "", tools: [], dependsOn: [] },
  ...more,
});
const agent = (name: string, more: Partial<Candidate> = {}): Candidate => ({
  ...{ name, description: "", tools: [], skills: [] },
  ...more,
});
const past = (name: string, good: number, bad: number, family = "f"): PastTask[] => [
  ...Array.from({ length: good }, () => ({ agent: name, family, ok: true, score: 100 })),
  ...Array.from({ length: bad }, () => ({ agent: name, family, ok: false, score: 100 })),
];
const chosen = (tasks: Task[], agents: Candidate[], history: PastTask[] = []) =>
  assignTasks(tasks, agents, history, "f").get(tasks[0]?.key as string);

describe("who does a task", () => {
  it("is whoever has the tools", () => {
    const found = chosen(
      [task("t", { tools: ["edit", "run"] })],
      [agent("a", { tools: ["read"] }), agent("b", { tools: ["edit", "run"] })],
    );
    expect(found?.agent).toBe("b");
    expect(found?.why).toContain("has 2 of 2 tools");
  });

  it("is whoever did such tasks well, and a few good ones count less than many", () => {
    const agents = [agent("a"), agent("b")];
    expect(chosen([task("t")], agents, [...past("a", 2, 8), ...past("b", 8, 2)])?.agent).toBe("b");
    const found = chosen([task("t")], agents, [...past("a", 2, 0), ...past("b", 18, 2)]);
    expect(found).toMatchObject({ agent: "b", success: { tasks: 20 } });
    // The 10 % quantile of Beta(19, 3), by its closed form: the chance of at least 19 of 21 below it.
    expect(found?.success.low).toBeCloseTo(0.7676, 2);
  });

  it("learns from the score of the whole and from other families a little", () => {
    const agents = [agent("a"), agent("b")];
    const poor = past("a", 5, 0).map((each) => ({ ...each, score: 20 }));
    expect(chosen([task("t")], agents, [...poor, ...past("b", 3, 0, "other")])?.agent).toBe("b");
  });

  it("is whoever's description and skills speak of it", () => {
    const agents = [agent("a"), agent("b", { description: "repairs tables", skills: ["clean-csv"] })];
    expect(chosen([task("t", { title: "Clean the csv tables" })], agents)?.agent).toBe("b");
  });

  it("is somebody else when one has much to do already", () => {
    const tasks = Array.from({ length: 6 }, (_, index) => task(`t${index}`));
    const found = [...assignTasks(tasks, [agent("a"), agent("b"), agent("c")], [], "f").values()];
    const counts = Map.groupBy(found, (each) => each.agent);
    expect([...counts.values()].map((each) => each.length)).toEqual([2, 2, 2]);
  });

  it("does not depend on the order of the agents", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(["a", "b", "c", "d"], { minLength: 4 }), (names) => {
        const one = assignTasks(
          [task("t"), task("u")],
          names.map((name) => agent(name)),
          past("c", 3, 1),
          "f",
        );
        const two = assignTasks(
          [task("t"), task("u")],
          [...names].sort().map((name) => agent(name)),
          past("c", 3, 1),
          "f",
        );
        expect([...one.values()]).toEqual([...two.values()]);
      }),
    );
  });
});

describe("a plan", () => {
  it("without a fault has an order, and one with a circle has none", () => {
    const graph = fc.array(fc.array(fc.nat(9), { maxLength: 3 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(graph, (edges) => {
        const tasks = edges.map((to, index) =>
          task(`t${index}`, {
            dependsOn: to.filter((each) => each < edges.length).map((each) => `t${each}`),
          }),
        );
        const done = new Set<string>();
        for (let round = 0; round < tasks.length; round++)
          for (const each of tasks) if (each.dependsOn.every((key) => done.has(key))) done.add(each.key);
        expect(planFaults({ tasks }, []).length === 0).toBe(done.size === tasks.length);
      }),
    );
  });
});
