const LEARNING_RATE = 0.001;
const STEPS = 50; // 10 .. 500
const MOMENTUM = 0; // 0 .. 0.99

let state = Number(process.env.SEED ?? 1);
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
const points = Array.from({ length: 200 }, () => {
  const x = random() * 4 - 2;
  return [x, 3 * x + 1 + (random() - 0.5)];
});
let [slope, offset, slopeSpeed, offsetSpeed] = [0, 0, 0, 0];
for (let step = 0; step < STEPS; step++) {
  let [slopeGradient, offsetGradient] = [0, 0];
  for (const [x, y] of points) {
    const error = slope * x + offset - y;
    slopeGradient += (2 * error * x) / points.length;
    offsetGradient += (2 * error) / points.length;
  }
  slopeSpeed = MOMENTUM * slopeSpeed - LEARNING_RATE * slopeGradient;
  offsetSpeed = MOMENTUM * offsetSpeed - LEARNING_RATE * offsetGradient;
  slope += slopeSpeed;
  offset += offsetSpeed;
}
const loss = points.reduce((sum, [x, y]) => sum + (slope * x + offset - y) ** 2, 0) / points.length;
console.log(`loss: ${loss}`);
