/** Pictures made smaller, turned and cut, pixel for pixel as Python does it. */

import { type Point, type Size, type Transform, compose, invert, scaleOf, transformPoint } from "./geometry";

/** Pixels as RGBA; an `ImageData` is one. What is made here has no alpha. */
export type Picture = { width: number; height: number; data: Uint8ClampedArray };

/** Added to means of four pixels: OpenCV rounds their halves up, and all others to even numbers. */
const UP = 0.01;

export function blank([height, width]: Size): Picture {
  return { width, height, data: new Uint8ClampedArray(width * height * 4) };
}

/** The pixels as `height * width * 3` numbers. */
export function rgb(picture: Picture): Uint8Array {
  const pixels = new Uint8Array(picture.width * picture.height * 3);
  for (let from = 0, to = 0; to < pixels.length; from += 4, to += 3) {
    for (let c = 0; c < 3; c++) pixels[to + c] = picture.data[from + c];
  }
  return pixels;
}

/**
 * Resamples a picture once, bilinearly; what lies outside of it is black.
 *
 * Where the target is less than half as fine as the source, the source is first reduced by a whole
 * factor with area averaging.
 */
export function warp(picture: Picture, targetFromSource: Transform, size: Size): Picture {
  const factor = Math.floor(1 / scaleOf(targetFromSource) + 1e-6);
  if (factor >= 2) {
    const [left, top, right, bottom] = seen(picture, targetFromSource, size, factor);
    const half = 0.5 / factor - 0.5;
    const reducedFromSource: Transform = [1 / factor, 0, half - left / factor, 0, 1 / factor, half - top / factor];
    picture = reduce(picture, [left, top, right, bottom], factor);
    targetFromSource = compose(targetFromSource, invert(reducedFromSource));
  }
  const [a, b, c, d, e, f] = invert(targetFromSource);
  const { width, height, data } = picture;
  const target = blank(size);
  for (let v = 0, to = 0; v < size[0]; v++) {
    for (let u = 0; u < size[1]; u++, to += 4) {
      const [x, y] = [a * u + b * v + c, d * u + e * v + f];
      const [left, top] = [Math.floor(x), Math.floor(y)];
      if (left < -1 || top < -1 || left >= width || top >= height) continue;
      const sum = [0, 0, 0];
      for (let row = Math.max(top, 0); row <= Math.min(top + 1, height - 1); row++) {
        for (let column = Math.max(left, 0); column <= Math.min(left + 1, width - 1); column++) {
          const weight = (1 - Math.abs(x - column)) * (1 - Math.abs(y - row));
          const from = (row * width + column) * 4;
          for (let channel = 0; channel < 3; channel++) sum[channel] += weight * data[from + channel];
        }
      }
      target.data.set(sum, to); // which rounds
    }
  }
  return target;
}

/** The part of a picture that the target shows and some pixels about it. */
function seen(picture: Picture, targetFromSource: Transform, [height, width]: Size, factor: number): number[] {
  const back = invert(targetFromSource);
  const corners: Point[] = [[0, 0], [width, 0], [width, height], [0, height]];
  const places = corners.map(([x, y]) => transformPoint(back, [x - 0.5, y - 0.5]));
  const limits = [picture.width, picture.height];
  const low = limits.map((limit, axis) => {
    const least = Math.floor(Math.min(...places.map((place) => place[axis]))) - factor;
    return Math.min(Math.max(least, 0), limit - 1);
  });
  const high = limits.map((limit, axis) => {
    const most = Math.ceil(Math.max(...places.map((place) => place[axis]))) + 2 * factor;
    return Math.min(Math.max(most, low[axis] + 1), limit);
  });
  return [...low, ...high];
}

/** A part of a picture made smaller by averaging areas; past its ends its last pixels go on. */
function reduce(picture: Picture, [left, top, right, bottom]: number[], factor: number): Picture {
  const small = blank([Math.ceil((bottom - top) / factor), Math.ceil((right - left) / factor)]);
  for (let v = 0, to = 0; v < small.height; v++) {
    for (let u = 0; u < small.width; u++, to += 4) {
      let [red, green, blue] = [0, 0, 0];
      for (let i = 0; i < factor; i++) {
        const row = Math.min(top + v * factor + i, bottom - 1) * picture.width;
        for (let j = 0; j < factor; j++) {
          const from = (row + Math.min(left + u * factor + j, right - 1)) * 4;
          red += picture.data[from];
          green += picture.data[from + 1];
          blue += picture.data[from + 2];
        }
      }
      const up = factor === 2 ? UP : 0;
      put(small, to, red / factor ** 2 + up, green / factor ** 2 + up, blue / factor ** 2 + up);
    }
  }
  return small;
}

function put(picture: Picture, at: number, red: number, green: number, blue: number): void {
  picture.data[at] = red;
  picture.data[at + 1] = green;
  picture.data[at + 2] = blue;
}

/** Resizes: averages areas where it shrinks, is bilinear where it grows. */
export function resize(picture: Picture, [height, width]: Size): Picture {
  const rows = taps(picture.height, height);
  const columns = taps(picture.width, width);
  const narrow = new Float32Array(picture.height * width * 3);
  for (let y = 0, to = 0; y < picture.height; y++) {
    for (const [first, weights] of columns) {
      let from = (y * picture.width + first) * 4;
      for (const weight of weights) {
        for (let c = 0; c < 3; c++) narrow[to + c] += weight * picture.data[from + c];
        from += 4;
      }
      to += 3;
    }
  }
  const small = blank([height, width]);
  const sums = new Float32Array(width * 3);
  const halved = picture.width === 2 * width && picture.height === 2 * height;
  rows.forEach(([first, weights], y) => {
    sums.fill(halved ? UP : 0);
    weights.forEach((weight, i) => {
      const from = (first + i) * width * 3;
      for (let x = 0; x < sums.length; x++) sums[x] += weight * narrow[from + x];
    });
    for (let x = 0; x < width; x++) {
      put(small, (y * width + x) * 4, sums[x * 3], sums[x * 3 + 1], sums[x * 3 + 2]);
    }
  });
  return small;
}

/** For each pixel of the new side the first of the old one that it is made of, and the weights. */
function taps(source: number, target: number): [first: number, weights: number[]][] {
  const step = source / target;
  return Array.from({ length: target }, (_, i) => {
    if (step <= 1) {
      const place = Math.min(Math.max((i + 0.5) * step - 0.5, 0), source - 1);
      const first = Math.floor(place);
      return place > first ? [first, [1 - place + first, place - first]] : [first, [1]];
    }
    const [low, high] = [i * step, Math.min((i + 1) * step, source)];
    const first = Math.floor(low);
    const weights = [];
    for (let j = first; j < high; j++) weights.push((Math.min(j + 1, high) - Math.max(j, low)) / (high - low));
    return [first, weights];
  });
}

/** A part of a picture in the upper left of a black square. */
export function tile(picture: Picture, left: number, top: number, side: number): Picture {
  const square = blank([side, side]);
  const width = Math.min(side, picture.width - left);
  for (let y = 0; y < Math.min(side, picture.height - top); y++) {
    const from = ((top + y) * picture.width + left) * 4;
    square.data.set(picture.data.subarray(from, from + width * 4), y * side * 4);
  }
  return square;
}

/** A picture turned clockwise by 90, 180 or 270 degrees. */
export function quarterTurned(picture: Picture, degrees: number): Picture {
  const { width, height } = picture;
  const result = blank(degrees === 180 ? [height, width] : [width, height]);
  const source = new Uint32Array(picture.data.buffer, picture.data.byteOffset, width * height);
  const pixels = new Uint32Array(result.data.buffer);
  for (let y = 0, from = 0; y < height; y++) {
    for (let x = 0; x < width; x++, from++) {
      if (degrees === 180) pixels[pixels.length - 1 - from] = source[from];
      else if (degrees === 90) pixels[x * height + height - 1 - y] = source[from];
      else pixels[(width - 1 - x) * height + y] = source[from];
    }
  }
  return result;
}
