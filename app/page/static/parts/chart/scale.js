/**
 * Arithmetic of a line chart: scales, ticks, and the few points of many that are worth drawing.
 *
 * Nothing here knows the document. A point is `[x, y]`; the points of a series are in order of x.
 */

/** @typedef {[number, number]} Point */
/**
 * An axis: the values at its ends, the pixels where these lie, and whether its steps are factors of ten.
 * @typedef {{from: number, to: number, start: number, end: number, log: boolean}} Axis
 */

/**
 * Pixel of a value.
 * @param {Axis} axis
 * @param {number} value
 */
export function pixelOf(axis, value) {
  const [from, to, at] = axis.log ? [axis.from, axis.to, value].map(Math.log) : [axis.from, axis.to, value];
  return axis.start + ((at - from) / (to - from || 1)) * (axis.end - axis.start);
}

/**
 * Value at a pixel.
 * @param {Axis} axis
 * @param {number} pixel
 */
export function valueAt(axis, pixel) {
  const share = (pixel - axis.start) / (axis.end - axis.start || 1);
  if (axis.log) return axis.from * (axis.to / axis.from) ** share;
  return axis.from + share * (axis.to - axis.from);
}

/**
 * Round values within an axis: about `count`, two at the least, of the form 1, 2 or 5 times a power of ten.
 * @param {Axis} axis
 * @param {number} count
 * @returns {number[]}
 */
export function ticks(axis, count) {
  const decades = axis.log ? Math.log10(axis.to / axis.from) : 0;
  if (decades >= 1) return logTicks(axis, decades > count ? [1] : decades > count / 3 ? [1, 3] : [1, 2, 5]);
  const step = niceStep((axis.to - axis.from) / count);
  if (!(step > 0)) return [axis.from];
  const first = Math.ceil(axis.from / step - 1e-9);
  const last = Math.floor(axis.to / step + 1e-9);
  if (last <= first && count < 10) return ticks(axis, count + 1);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** @param {Axis} axis @param {number[]} factors */
function logTicks(axis, factors) {
  const values = [];
  for (let power = Math.floor(Math.log10(axis.from)); power <= Math.log10(axis.to); power++)
    for (const factor of factors) values.push(Number((factor * 10 ** power).toPrecision(12)));
  return values.filter((value) => value >= axis.from * (1 - 1e-9) && value <= axis.to * (1 + 1e-9));
}

/** @param {number} step */
function niceStep(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  return ([1, 2, 5].find((factor) => factor * power >= step * (1 - 1e-9)) ?? 10) * power;
}

/**
 * Index of the first point at or after `x`.
 * @param {Point[]} points
 * @param {number} x
 */
export const indexAt = (points, x) => firstIndex(points.length, (index) => points[index][0] >= x);

/**
 * Index of the first value at or after `x`.
 * @param {number[]} values in order
 * @param {number} x
 */
export const placeAt = (values, x) => firstIndex(values.length, (index) => values[index] >= x);

/** @param {number} count @param {(index: number) => boolean} reached false, then true */
function firstIndex(count, reached) {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (reached(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The points between two values of x, and one more on either side, so that lines reach the edges.
 * @param {Point[]} points
 * @param {number} from
 * @param {number} to
 */
export function between(points, from, to) {
  const end = indexAt(points, to);
  return points.slice(Math.max(0, indexAt(points, from) - 1), Math.min(points.length, end + 2));
}

/**
 * The first, lowest, highest and last point of every pixel column: a line through these looks like one through all.
 * @param {Point[]} points
 * @param {(x: number) => number} pixel
 */
export function thinned(points, pixel) {
  /** @type {Point[]} */
  const kept = [];
  for (let start = 0; start < points.length; ) {
    const column = Math.floor(pixel(points[start][0]));
    let [low, high, end] = [start, start, start];
    for (; end < points.length && Math.floor(pixel(points[end][0])) === column; end++) {
      if (!(points[end][1] >= points[low][1])) low = end;
      if (points[end][1] > points[high][1]) high = end;
    }
    const chosen = new Set([start, low, high, end - 1].sort((a, b) => a - b));
    for (const index of chosen) kept.push(points[index]);
    start = end;
  }
  return kept;
}

/**
 * At most `count` of the values, spread evenly, the last among them.
 * @template T
 * @param {T[]} values
 * @param {number} count
 */
export function spread(values, count) {
  const stride = Math.ceil(values.length / count);
  return stride <= 1 ? values : values.filter((_, i) => (values.length - 1 - i) % stride === 0);
}
