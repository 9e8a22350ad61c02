/** From pictures to landmarks, step for step `keras_landmarks/faces/finder.py` and `upright.py`. */

import { type Framed, detectFaces } from "./blazeface";
import { conventions, facts } from "./facts";
import {
  type Box, type Convention, type Point, convertBox, eyeAngle, invert, levelTransform, meanOf, middleOf, modulo, rint,
  scaleOf, sideOf, squareAbout, transformPoint, turned, uprightBox,
} from "./geometry";
import type { Landmarker, Output } from "./models";
import { type Picture, quarterTurned, warp } from "./resampling";

/** One face, as `Detection` has it. */
export type Face = {
  landmarks: Point[];
  box: Box;
  score: number;
  error: number[];
  confidence: number[];
  angle: number;
};

type View = { box: Box; angle: number; convention: Convention };

const { clear, trained } = facts.upright;
const { right_eye: rightEye, left_eye: leftEye } = facts.scheme;

/** Where faces are; a picture without one is tried in other directions if `turns`. */
export async function findBoxes(picture: Picture, turns: boolean): Promise<Framed[]> {
  const found = await detectFaces(picture);
  if (!turns) return found;
  if (bestScore(found) < clear) {
    const other = await inOtherDirections(picture, [180, 90, 270]);
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

/** The landmarks of faces; one that is tilted past what networks know is looked at again, levelled. */
export async function locate(model: Landmarker, picture: Picture, framed: Framed[]): Promise<Face[]> {
  const convention = conventions.blazeface;
  const views: View[] = framed.map(({ box, angle }) => ({ box, angle, convention }));
  const outputs = await look(model, picture, views);
  let again = [...views.keys()];
  for (let time = 0; time < 2 && again.length; time++) {
    again = again.filter((i) => Math.abs(turned(tiltOf(outputs[i].landmarks), views[i].angle)) > trained);
    for (const i of again) {
      const angle = tiltOf(outputs[i].landmarks);
      views[i] = { box: uprightBox(outputs[i].landmarks, angle), angle, convention: conventions.truth };
    }
    const better = await look(model, picture, again.map((i) => views[i]));
    again.forEach((i, k) => (outputs[i] = better[k]));
  }
  return framed.map(({ box, score }, i) => {
    const { angle } = views[i];
    const { landmarks, error } = outputs[i];
    const sure = score * (1 - Math.abs(turned(angle, 0)) / 360);
    return { landmarks, box, score: sure, error, confidence: confidenceOf(outputs[i]), angle };
  });
}

function eyesOf(landmarks: Point[]): [right: Point, left: Point] {
  const [right, left] = [rightEye, leftEye].map((eye) => meanOf(eye.map((i) => landmarks[i])));
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

/** Landmarks and expected errors of each view, in pixels of the picture. */
async function look(model: Landmarker, picture: Picture, views: View[]): Promise<Output[]> {
  const transforms = views.map(({ box, angle, convention }) => {
    const square = convertBox(box, convention, model.box);
    const shown = squareAbout(middleOf(square), sideOf(square) * model.margin);
    return levelTransform(box, shown, angle, model.size);
  });
  const outputs = await model.predict(transforms.map((transform) => warp(picture, transform, model.size)));
  return outputs.map(({ landmarks, error }, i) => {
    const back = invert(transforms[i]);
    return {
      landmarks: landmarks.map((point) => transformPoint(back, point)),
      error: error.map((value) => value * scaleOf(back)),
    };
  });
}
