/** From pictures to landmarks, step for step `keras_landmarks/faces`' finder, looking and upright. */

import { type Framed, detectFaces } from "./blazeface";
import { conventions, facts } from "./facts";
import {
  type Box, type Convention, type Point, convertBox, eyeAngle, invert, levelTransform, meanOf, middleOf, modulo, rint,
  scaleOf, sideOf, squareAbout, transformPoint, turned, uprightBox,
} from "./geometry";
import type { Landmarker, Output } from "./models";
import { type Picture, quarterTurned, warp } from "./resampling";

/** One face, as `Detection` has it. */
export type Face = Seen & { box: Box; score: number };
type Seen = Output & { confidence: number[]; angle: number };
type View = { box: Box; angle: number; convention: Convention };

const { clear, sure, surer, trained, turns } = facts.upright;
const { right_eye: rightEye, left_eye: leftEye } = facts.scheme;

/** Where faces are; a picture without one is tried in other directions if `sides`. */
export async function findBoxes(picture: Picture, sides: boolean): Promise<Framed[]> {
  const found = await detectFaces(picture);
  if (!sides) return found;
  if (bestScore(found) < clear) {
    const other = await inOtherDirections(picture, turns);
    return bestScore(other) > bestScore(found) + 0.1 ? other : found;
  }
  const back = modulo(-rint(found[0].angle / 90) * 90, 360);
  if (!back) return found;
  const other = await inOtherDirections(picture, [back]);
  const sum = (faces: Framed[]) => faces.reduce((total, face) => total + face.score, 0);
  return sum(other) > sum(found) ? other : found;
}

function bestScore(faces: Framed[]): number {
  return Math.max(0, ...faces.map((face) => face.score));
}

/** Faces of the first direction in which there surely is one, or else of the best. */
async function inOtherDirections(picture: Picture, directions: number[]): Promise<Framed[]> {
  let [best, found]: [number, Framed[]] = [0, []];
  for (const degrees of directions) {
    const faces = await detectFaces(quarterTurned(picture, degrees));
    if (bestScore(faces) > bestScore(found)) [best, found] = [degrees, faces];
    if (bestScore(found) >= clear) break;
  }
  return found.map(({ box, score, angle }) => ({
    box: turnedBack(box, best, picture),
    score,
    angle: turned(angle, best),
  }));
}

function turnedBack([left, top, right, bottom]: Box, degrees: number, { width, height }: Picture): Box {
  if (degrees === 90) return [top, height - right, bottom, height - left];
  if (degrees === 180) return [width - right, height - bottom, width - left, height - top];
  return [width - bottom, left, width - top, right];
}

/**
 * The landmarks of faces; a doubtful one is looked at from its other sides if `sides`, of which one
 * counts where the model is much surer of it.
 */
export async function locate(
  model: Landmarker,
  picture: Picture,
  framed: Framed[],
  sides: boolean,
): Promise<Face[]> {
  const convention = conventions.blazeface;
  const views: View[] = framed.map(({ box, angle }) => ({ box, angle, convention }));
  const found = await levelled(model, picture, views);
  for (let i = 0; sides && i < found.length; i++) {
    const before = meanOf(found[i].confidence);
    if (before >= sure) continue;
    const around = turns.map((turn) => ({ ...views[i], angle: turned(views[i].angle + turn, 0) }));
    const others = await levelled(model, picture, around);
    const best = others.reduce((one, other) => (meanOf(other.confidence) > meanOf(one.confidence) ? other : one));
    if (meanOf(best.confidence) > before + surer) found[i] = best;
  }
  return found.map((seen, i) => {
    const { box, score } = framed[i];
    return { ...seen, box, score: score * (1 - Math.abs(turned(seen.angle, 0)) / 360) };
  });
}

/** The faces in views; one that is tilted past what networks know is looked at again, levelled. */
async function levelled(model: Landmarker, picture: Picture, views: View[]): Promise<Seen[]> {
  const found = await look(model, picture, views);
  let again = [...found.keys()];
  for (let time = 0; time < 2; time++) {
    again = again.filter((i) => Math.abs(turned(tiltOf(found[i].landmarks), found[i].angle)) > trained);
    const level = again.map((i) => {
      const angle = tiltOf(found[i].landmarks);
      return { box: uprightBox(found[i].landmarks, angle), angle, convention: conventions.truth };
    });
    const better = await look(model, picture, level);
    again.forEach((i, k) => (found[i] = better[k]));
  }
  return found;
}

function eyesOf(landmarks: Point[]): [right: Point, left: Point] {
  const [right, left] = [rightEye, leftEye].map((eye) => [0, 1].map((axis) => meanOf(eye.map((i) => landmarks[i][axis]))) as Point);
  return [right, left];
}

function tiltOf(landmarks: Point[]): number {
  return eyeAngle(...eyesOf(landmarks));
}

/** How sure each point is: 1 is certain, 0.37 an expected error of a tenth of the eyes' distance. */
function confidenceOf({ landmarks, error }: Output): number[] {
  const [[x, y], [u, v]] = eyesOf(landmarks);
  const distance = Math.max(Math.hypot(u - x, v - y), 1);
  return error.map((value) => Math.exp(-value / (0.1 * distance)));
}

/** The face in each view, in pixels of the picture. */
async function look(model: Landmarker, picture: Picture, views: View[]): Promise<Seen[]> {
  const transforms = views.map(({ box, angle, convention }) => {
    const square = convertBox(box, convention, model.box);
    const shown = squareAbout(middleOf(square), sideOf(square) * model.margin);
    return levelTransform(box, shown, angle, model.size);
  });
  const outputs = await model.predict(transforms.map((transform) => warp(picture, transform, model.size)));
  return outputs.map((output, i) => {
    const back = invert(transforms[i]);
    const landmarks = output.landmarks.map((point) => transformPoint(back, point));
    const error = output.error.map((value) => value * scaleOf(back));
    return { landmarks, error, confidence: confidenceOf({ landmarks, error }), angle: views[i].angle };
  });
}
