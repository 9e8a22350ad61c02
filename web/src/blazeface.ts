/** The face detector, step for step `keras_landmarks/faces/blazeface.py` and `blaze_network.py`. */

import { facts } from "./facts";
import {
  type Box, type Point, eyeAngle, invert, middleOf, overlap, rint, scaleOf, sideOf, similarity, squareAbout,
  transformPoint, turned,
} from "./geometry";
import { runBlaze } from "./models";
import { type Picture, resize, tile, warp } from "./resampling";

/** Key points: right eye, left eye, nose, mouth, right ear, left ear. */
type Found = { box: Box; score: number; points: Point[] };
/** Where a face is, and by how many degrees it is turned clockwise. */
export type Framed = { box: Box; score: number; angle: number };

const { sides, least, tilted, first: enough, sure, surest, threshold } = facts.blazeface;
const WIDE = sides.back;
const NEAR = sides.short_range;

/** The faces of a picture, the best first. */
export async function detectFaces(picture: Picture): Promise<Framed[]> {
  const longest = Math.max(picture.width, picture.height);
  const shortest = Math.min(picture.width, picture.height);
  const smallest = Math.max(40, longest / 500, Math.min(longest / 25, shortest / 8));
  let found: Found[] = [];
  for (const { square, scale, corner, low, high } of squares(picture, smallest)) {
    for (const { box, score, points } of await look("back", square, threshold)) {
      if (box[0] < low[0] || box[1] < low[1] || box[2] > high[0] || box[3] > high[1]) continue;
      const place = ([x, y]: Point): Point => [x * scale[0] + corner[0], y * scale[1] + corner[1]];
      const edges = [...place([box[0], box[1]]), ...place([box[2], box[3]])] as Box;
      found.push({ box: edges, score, points: points.map(place).map(([x, y]) => [x - 0.5, y - 0.5]) });
    }
  }
  found = merge(found);
  for (const face of found) {
    const { box, points } = await lookAgain(picture, face);
    Object.assign(face, { box, points });
  }
  return found
    .filter(({ box }, i) => !found.slice(0, i).some((better) => isOneFace(better.box, box)))
    .filter(({ box }) => box[2] > 0 && box[3] > 0 && box[0] < picture.width && box[1] < picture.height)
    .map((face) => ({ box: face.box, score: face.score, angle: angleOf(face) }));
}

/** Whether a box lies on a better face: as the same one, or as its mouth or an eye. */
function isOneFace(better: Box, box: Box): boolean {
  const [x, y] = middleOf(better);
  const apart = Math.hypot(middleOf(box)[0] - x, middleOf(box)[1] - y);
  const isPart = sideOf(box) < 0.6 * sideOf(better) && apart < 0.4 * sideOf(better);
  return isPart || overlap(better, box) > 0.5;
}

function angleOf({ points }: Found): number {
  return eyeAngle(points[0], points[1]);
}

/** Box and key points of one face, seen levelled. */
async function lookAgain(picture: Picture, face: Found): Promise<Found> {
  let angle = angleOf(face);
  let view = await level(picture, face.box, angle);
  let stands = face.score > enough && view.score > sure;
  if (stands && view.score < surest) stands = view.score > (await level(picture, face.box, angle + 180)).score;
  if (stands && face.score > sure && Math.abs(angle) <= tilted) return face; // as good as a levelled look's
  if (!stands) {
    const angles = [...Array(8).keys()].map((turn) => angle + 45 * turn);
    const views = [view];
    for (const other of angles.slice(1)) views.push(await level(picture, face.box, other));
    const best = surestOf(views.map(({ score }) => score));
    [angle, view] = [angles[best], views[best]];
  }
  if (!(view.score > 0)) return face;
  if (Math.abs(turned(angleOf(view), angle)) > tilted) {
    const closer = await level(picture, view.box, angleOf(view));
    if (closer.score > 0) view = closer;
  }
  return view;
}

/** Which of the looks all around a face is upright: see `surest` in Python. */
function surestOf(scores: number[]): number {
  const beside = (all: number[], i: number) => (all[(i + 7) % 8] + all[(i + 1) % 8]) / 2;
  const known = scores.map((score, i) => (score > 0 ? score : beside(scores, i)));
  const sums = scores.map((score, i) => (score > 0 ? score + beside(known, i) / 2 : 0));
  return sums.indexOf(Math.max(...sums));
}

/** The face in the middle of a square turned by an angle; of the score 0 where there is none. */
async function level(picture: Picture, box: Box, angle: number): Promise<Found> {
  const [x, y] = middleOf(box);
  const scale = NEAR / (3.5 * sideOf(box));
  const [centre, reach] = [NEAR / 2, NEAR / 7];
  const shift: Point = [centre - x, centre - y];
  const place = similarity(scale, -angle, [x - 0.5, y - 0.5], shift);
  const about = squareAbout([centre, centre], 2 * reach);
  const faces = merge(await look("short_range", warp(picture, place, [NEAR, NEAR]), 0.3));
  const best = faces.find((face) => {
    const [u, v] = middleOf(face.box);
    const far = Math.max(Math.abs(u - centre), Math.abs(v - centre));
    return overlap(face.box, about) > 0.25 && far < 0.9 * reach;
  });
  if (!best) return { box, score: 0, points: [] };
  const back = invert(place);
  const inPicture = ([u, v]: Point) => transformPoint(back, [u - 0.5, v - 0.5]);
  const middle = inPicture(middleOf(best.box));
  const square = squareAbout([middle[0] + 0.5, middle[1] + 0.5], sideOf(best.box) * scaleOf(back));
  return { box: square, score: best.score, points: best.points.map(inPicture) };
}

/** What a network sees in its square, in pixel edges of it; several a face: see `merge`. */
async function look(name: "back" | "short_range", square: Picture, least: number): Promise<Found[]> {
  const { places, logits } = await runBlaze(name, square);
  const found: Found[] = [];
  anchors(sides[name]).forEach(([x, y], i) => {
    if (!(logits[i] > Math.log(least / (1 - least)))) return;
    const numbers = places.subarray(i * 16, i * 16 + 16); // middle, size, key points
    const [middle, half]: Point[] = [[numbers[0] + x, numbers[1] + y], [numbers[2] / 2, numbers[3] / 2]];
    const points: Point[] = [];
    for (let k = 4; k < 16; k += 2) points.push([numbers[k] + x, numbers[k + 1] + y]);
    const box: Box = [middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]];
    found.push({ box, score: 1 / (1 + Math.exp(-logits[i])), points });
  });
  return found;
}

/** The 896 places that a network answers for, in pixels of its square. */
function anchors(side: number): Point[] {
  const places: Point[] = [];
  for (const [count, repeats] of [[16, 2], [8, 6]]) {
    for (let i = 0; i < count * count * repeats; i++) {
      const cell = Math.floor(i / repeats);
      places.push([((cell % count) + 0.5) * (side / count), (Math.floor(cell / count) + 0.5) * (side / count)]);
    }
  }
  return places;
}

/** One box for each face: the mean of all that overlap the best one, weighted by their scores. */
function merge(found: Found[]): Found[] {
  const faces: Found[] = [];
  let rest = [...found].sort((one, other) => other.score - one.score);
  while (rest.length) {
    const [best] = rest;
    const group = rest.filter((face) => face === best || overlap(face.box, best.box) > 0.3);
    const sum = group.reduce((total, face) => total + face.score, 0);
    const mean = (value: (face: Found) => number) =>
      group.reduce((total, face) => total + (value(face) * face.score) / sum, 0);
    faces.push({
      box: best.box.map((_, i) => mean((face) => face.box[i])) as Box,
      score: best.score,
      points: best.points.map((_, i) => [mean((face) => face.points[i][0]), mean((face) => face.points[i][1])]),
    });
    rest = rest.filter((face) => !group.includes(face));
  }
  return faces;
}

/** A square of the picture, how its edges go to the picture's, and where whole faces may lie in it. */
type Square = { square: Picture; scale: Point; corner: Point; low: Point; high: Point };

/** What the network looks at: the whole picture, and tiles for the faces too small there. */
function* squares(picture: Picture, smallest: number): Generator<Square> {
  yield* tiles(picture, WIDE, 0);
  if (Math.min(picture.width, picture.height) < smallest / 2) return; // too narrow for such a face
  const longest = Math.max(picture.width, picture.height);
  const ratio = Math.min((longest * least) / smallest / WIDE, longest / WIDE);
  const steps = Math.ceil(Math.log(Math.max(ratio, 1)) / Math.log(4));
  for (let step = 1; step <= steps; step++) {
    const finer = ratio ** (1 / steps);
    yield* tiles(picture, WIDE * finer ** step, 1.5 * least * finer);
  }
}

/** Squares of the picture resized to a longest side, which overlap by so many pixels. */
function* tiles(picture: Picture, longest: number, shared: number): Generator<Square> {
  const scale = longest / Math.max(picture.width, picture.height);
  const [height, width] = [picture.height, picture.width].map((length) => Math.max(rint(length * scale), 1));
  const small = resize(picture, [height, width]);
  const back: Point = [picture.width / width, picture.height / height];
  for (const top of starts(height, shared)) {
    for (const left of starts(width, shared)) {
      const ends = [Math.min(left + WIDE, width), Math.min(top + WIDE, height)];
      yield {
        square: tile(small, left, top, WIDE),
        scale: back,
        corner: [left * back[0], top * back[1]],
        low: [left > 0 ? 2 : -Infinity, top > 0 ? 2 : -Infinity],
        high: [ends[0] < width ? ends[0] - left - 2 : Infinity, ends[1] < height ? ends[1] - top - 2 : Infinity],
      };
    }
  }
}

/** Where the tiles of a side begin. */
function starts(length: number, shared: number): number[] {
  if (length <= WIDE) return [0];
  const count = Math.ceil((length - shared) / (WIDE - shared));
  return Array.from({ length: count }, (_, i) => rint((i * (length - WIDE)) / (count - 1)));
}
