/** How agents come by skills, whichever. */
const means = /\bload_skill\b|\bSKILL\.md\b|\.(?:agents|claude)\/skills\b/i;

/**
 * A text without the sentences that tell of a skill: those that name it as one, or how it was read. A name of one word
 * may mean anything, so it must stand in a sentence that speaks of skills.
 *
 * @param skill its name: `clean-csv`.
 */
export function withoutMention(text: string, skill: string): string {
  const words = skill.split("-").filter((word) => word !== "");
  const name = new RegExp(`\\b${words.join("[-_ ]?")}\\b`, "i");
  const tells = (sentence: string) =>
    means.test(sentence) ||
    (words.length > 1 && sentence.toLowerCase().includes(skill.toLowerCase())) ||
    (name.test(sentence) && (/\bskills?\b/i.test(sentence) || sentence.includes(`\`${skill}\``)));
  return text
    .split(/(\n+|(?<=[.!?])\s+)/)
    .map((part, index) => (index % 2 === 0 && tells(part) ? "[...]" : part))
    .join("");
}
