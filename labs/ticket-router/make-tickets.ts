import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Makes tickets.json and holdout.json: the same grammar, other draws. Run by hand; the files are committed. */

const teams: Record<string, { subjects: string[]; sentences: string[] }> = {
  billing: {
    subjects: ["Invoice question", "Charged twice", "Refund for order", "Card declined", "Wrong amount"],
    sentences: [
      "the invoice shows an amount that I did not order",
      "my card was charged twice this month",
      "please refund the last payment",
      "the receipt lacks our tax number",
      "the renewal price differs from the offer",
      "I cannot download the invoice after the payment",
    ],
  },
  account: {
    subjects: ["Cannot log in", "Password reset", "Change of address", "Delete my account", "Locked out"],
    sentences: [
      "the password reset mail never arrives",
      "I am locked out after the login failed",
      "please change the address of my account",
      "the login page asks for a code that I do not get",
      "I want to delete my account and all data",
      "two people share one login and the card on it expired",
    ],
  },
  technical: {
    subjects: ["App crashes", "Error on upload", "Very slow today", "Export fails", "Sync problem"],
    sentences: [
      "the app crashes when I open the export",
      "an error appears during upload of large files",
      "the page is slow and then shows error 502",
      "sync stops after the update",
      "the download of the report fails with an error",
      "since the update the login page stays blank",
    ],
  },
  shipping: {
    subjects: [
      "Where is my parcel",
      "Delivery to wrong address",
      "Order damaged",
      "Late delivery",
      "Return label",
    ],
    sentences: [
      "the parcel did not arrive at my address",
      "tracking shows no movement since Monday",
      "the order arrived damaged",
      "I need a label to return the parcel",
      "delivery was promised for last week",
      "the order was sent to an old address",
    ],
  },
  general: {
    subjects: ["A question", "Feedback", "Hello", "Partnership", "Thank you"],
    sentences: [
      "I would like to know more about your company",
      "thank you for the quick help last time",
      "do you offer a discount for schools",
      "are you hiring at the moment",
      "we would like to write about your product",
      "is there a page with your opening hours",
    ],
  },
};
const noise = [
  "please answer soon",
  "I tried it several times",
  "thank you",
  "this is urgent",
  "best regards",
  "my order number is 4711",
  "I wrote last week already",
  "I pay for this account every month",
];

function tickets(count: number, seed: number) {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const names = Object.keys(teams);
  return Array.from({ length: count }, () => {
    const team = pick(names);
    const other = pick(names);
    const { subjects, sentences } = teams[team] as (typeof teams)[string];
    const parts = [pick(sentences), pick(noise)];
    if (random() < 0.5) parts.push(pick(sentences));
    // Real tickets touch other teams' subjects in passing.
    if (random() < 0.45) parts.push(pick((teams[other] as (typeof teams)[string]).sentences));
    const subject = random() < 0.75 ? pick(subjects) : pick(["Help", "Problem", "Question", "Urgent"]);
    return { subject, body: `${parts.join(". ")}.`, team };
  });
}

const folder = import.meta.dirname;
writeFileSync(join(folder, "tickets.json"), `${JSON.stringify(tickets(300, 11), null, 1)}\n`);
writeFileSync(join(folder, "holdout.json"), `${JSON.stringify(tickets(300, 12), null, 1)}\n`);
