/** What was found as files, as Python writes them. */

import { facts } from "./facts";
import type { Face } from "./finder";
import { type Point, meanOf } from "./geometry";

const rounded = (value: number, digits: number) => Number(value.toFixed(digits));

/** As `keras-landmarks detect --json` writes it, without the pose. */
export function asJson(model: string, name: string, faces: Face[]): string {
  const places = (points: Point[]) => points.map((point) => point.map((value) => rounded(value, 2)));
  const found = faces.map((face) => ({
    scheme: facts.scheme.name,
    score: rounded(face.score, 4),
    box: face.box.map((value) => rounded(value, 2)),
    landmarks: places(face.landmarks),
    angle: rounded(face.angle, 1),
    error: face.error.map((value) => rounded(value, 2)),
    confidence: face.confidence.map((value) => rounded(value, 3)),
    face_confidence: rounded(meanOf(face.confidence), 3),
  }));
  return `${JSON.stringify({ model, photos: { [name]: found } }, null, 1)}\n`;
}

/** One face; the first pixel's centre is (1, 1) there. */
export function asPts({ landmarks }: Face): string {
  const lines = landmarks.map(([x, y]) => `${rounded(x + 1, 3)} ${rounded(y + 1, 3)}`);
  return ["version: 1", `n_points: ${lines.length}`, "{", ...lines, "}", ""].join("\n");
}

export function save(content: string | Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
