/** Points, boxes and transforms, with the conventions of `keras_landmarks/geometry.py`. */

/** In pixels; the centre of the first pixel is (0, 0). */
export type Point = [x: number, y: number];
/** Left, top, right, bottom, on pixel edges. */
export type Box = [number, number, number, number];
/** `[a, b, c, d, e, f]` takes (x, y) to (ax + by + c, dx + ey + f). */
export type Transform = [number, number, number, number, number, number];
/** Height and width. */
export type Size = [height: number, width: number];
/** How boxes lie on faces: right of, below and as large as the square of the landmarks. */
export type Convention = { x: number; y: number; scale: number };

const radians = Math.PI / 180;

export function transformPoint([a, b, c, d, e, f]: Transform, [x, y]: Point): Point {
  return [a * x + b * y + c, d * x + e * y + f];
}

export function compose(second: Transform, first: Transform): Transform {
  const [a, b, c, d, e, f] = first;
  const [g, h, i, j, k, l] = second;
  return [g * a + h * d, g * b + h * e, g * c + h * f + i, j * a + k * d, j * b + k * e, j * c + k * f + l];
}

export function invert([a, b, c, d, e, f]: Transform): Transform {
  const determinant = a * e - b * d;
  const [p, q, r, s] = [e, -b, -d, a].map((value) => value / determinant);
  return [p, q, -(p * c + q * f), r, s, -(r * c + s * f)];
}

/** By how much lengths grow. */
export function scaleOf([a, b, , d, e]: Transform): number {
  return Math.sqrt(Math.abs(a * e - b * d));
}

/** Scales and turns clockwise about a centre, then shifts. */
export function similarity(scale: number, degrees: number, [x, y]: Point, shift: Point = [0, 0]): Transform {
  const a = scale * Math.cos(degrees * radians);
  const b = scale * Math.sin(degrees * radians);
  return [a, -b, x - a * x + b * y + shift[0], b, a, y - b * x - a * y + shift[1]];
}

export function middleOf(box: Box): Point {
  return [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
}

export function sideOf(box: Box): number {
  return Math.max(box[2] - box[0], box[3] - box[1]);
}

export function squareAbout([x, y]: Point, side: number): Box {
  return [x - side / 2, y - side / 2, x + side / 2, y + side / 2];
}

/** The square box as another detector would have drawn it around the same face. */
export function convertBox(box: Box, source: Convention, target: Convention): Box {
  const [x, y] = middleOf(box);
  const face = sideOf(box) / source.scale;
  return squareAbout([x + (target.x - source.x) * face, y + (target.y - source.y) * face], face * target.scale);
}

/** Intersection over union. */
export function overlap(one: Box, other: Box): number {
  const width = Math.max(Math.min(one[2], other[2]) - Math.max(one[0], other[0]), 0);
  const height = Math.max(Math.min(one[3], other[3]) - Math.max(one[1], other[1]), 0);
  const area = (box: Box) => (box[2] - box[0]) * (box[3] - box[1]);
  return (width * height) / (area(one) + area(other) - width * height);
}

/** How far an angle lies from another, in -180..180 degrees. */
export function turned(angle: number, other: number): number {
  return modulo(angle - other + 180, 360) - 180;
}

export function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}

/** By how many degrees a face is turned clockwise, from its right and its left eye. */
export function eyeAngle(right: Point, left: Point): number {
  return Math.atan2(left[1] - right[1], left[0] - right[0]) / radians;
}

export function meanOf(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The square box of a face as if it were upright, about the middle that it has. */
export function uprightBox(points: Point[], angle: number): Box {
  const level = points.map((point) => transformPoint(similarity(1, -angle, [0, 0]), point));
  const [x, y] = [0, 1].map((axis) => level.map((point) => point[axis]));
  const box: Box = [Math.min(...x), Math.min(...y), Math.max(...x) + 1, Math.max(...y) + 1];
  const [u, v] = middleOf(box);
  const middle = transformPoint(similarity(1, angle, [0, 0]), [u - 0.5, v - 0.5]);
  return squareAbout([middle[0] + 0.5, middle[1] + 0.5], sideOf(box));
}

/** The transform `crop from picture` of what a square shows of a face turned about its box. */
export function levelTransform(box: Box, square: Box, angle: number, [height, width]: Size): Transform {
  const [sx, sy] = [width / (square[2] - square[0]), height / (square[3] - square[1])];
  const crop: Transform = [sx, 0, (0.5 - square[0]) * sx - 0.5, 0, sy, (0.5 - square[1]) * sy - 0.5];
  const [x, y] = middleOf(box);
  return compose(crop, similarity(1, -angle, [x - 0.5, y - 0.5]));
}

/** To the nearest whole number, of two to the even one, as NumPy does. */
export function rint(value: number): number {
  const nearest = Math.round(value);
  return Math.abs(value % 1) === 0.5 && nearest % 2 ? nearest - 1 : nearest;
}
