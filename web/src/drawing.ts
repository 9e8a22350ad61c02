/** Faces drawn on their picture: the less a point is sure, the redder it is. */

import { facts } from "./facts";
import type { Face } from "./finder";
import { type Point, middleOf, similarity, transformPoint } from "./geometry";

/** From unsure to sure; the page's legend shows the same. */
const COLOURS = [
  [255, 0, 64],
  [255, 220, 64],
  [64, 232, 255],
];
/** Pixels of a canvas's longer side at least, so that points on small pictures are smooth. */
const FINE = 1000;

/** Pixels of a canvas at most, which Safari has. */
const MOST = 16e6;

/** The largest scale at which a picture fits into a canvas. */
export function largestScale({ width, height }: ImageBitmap): number {
  return Math.sqrt(MOST / (width * height));
}

export function colourOf(confidence: number): string {
  const place = Math.min(Math.max(confidence, 0), 1) * 2;
  const [first, share] = place < 1 ? [0, place] : [1, place - 1];
  const mixed = COLOURS[first].map((value, i) => value + share * (COLOURS[first + 1][i] - value));
  return `rgb(${mixed.map(Math.round).join(" ")})`;
}

/** Draws a picture and its faces' points of such a confidence at least. */
export function draw(canvas: HTMLCanvasElement, picture: ImageBitmap, faces: Face[], least: number): void {
  const fine = Math.max(1, Math.ceil(FINE / Math.max(picture.width, picture.height)));
  const scale = Math.min(fine, largestScale(picture));
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  const pen = canvas.getContext("2d")!;
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const place = ([x, y]: Point): Point => [(x + 0.5) * scale, (y + 0.5) * scale];
  faces.forEach((face, number) => drawFace(pen, face, faces.length > 1 ? `${number + 1}` : "", least, place));
}

function drawFace(
  pen: CanvasRenderingContext2D,
  face: Face,
  label: string,
  least: number,
  place: (point: Point) => Point,
): void {
  const points = face.landmarks.map(place);
  const [x, y] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const extent = Math.max(Math.max(...x) - Math.min(...x), Math.max(...y) - Math.min(...y));
  const shown = face.confidence.map((confidence) => confidence >= least);
  pen.lineWidth = Math.max(1, extent / 150);
  pen.strokeStyle = "rgb(255 255 255 / 55%)";
  for (const { points: indices, closed } of facts.scheme.contours) {
    const ends = closed ? [...indices, indices[0]] : indices;
    pen.beginPath();
    ends.slice(1).forEach((to, i) => {
      if (!shown[ends[i]] || !shown[to]) return;
      pen.moveTo(...points[ends[i]]);
      pen.lineTo(...points[to]);
    });
    pen.stroke();
  }
  const radius = Math.max(2, extent / 60);
  points.forEach((point, i) => {
    if (!shown[i]) return;
    pen.beginPath();
    pen.arc(...point, radius, 0, 2 * Math.PI);
    pen.fillStyle = colourOf(face.confidence[i]);
    pen.fill();
    pen.lineWidth = radius / 3;
    pen.strokeStyle = "rgb(0 0 0 / 60%)";
    pen.stroke();
  });
  if (!label) return;
  const [left, top] = face.box;
  const turn = similarity(1, face.angle, middleOf(face.box));
  const corner = place(transformPoint(turn, [left, top]));
  pen.font = `600 ${Math.max(14, extent / 7)}px system-ui, sans-serif`;
  pen.lineWidth = Math.max(3, extent / 50);
  pen.strokeStyle = "rgb(0 0 0 / 70%)";
  pen.fillStyle = "white";
  pen.strokeText(label, ...corner);
  pen.fillText(label, ...corner);
}
