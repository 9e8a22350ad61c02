/** Finds faces beside the page, which stays quick meanwhile. */

import type { ModelName } from "./facts";
import { type Face, findBoxes, locate } from "./finder";
import { Landmarker, open } from "./models";
import type { Picture } from "./resampling";

export type Question = { picture: Picture; model: ModelName; sides: boolean };
export type Answer = { faces: Face[]; milliseconds: number } | { wrong: string };

async function answer({ picture, model: name, sides }: Question): Promise<Answer> {
  const model = new Landmarker(name);
  await Promise.all(["back.onnx", "short_range.onnx", model.file].map(open)); // not part of the time
  const start = performance.now();
  const faces = await locate(model, picture, await findBoxes(picture, sides), sides);
  return { faces, milliseconds: performance.now() - start };
}

self.onmessage = async ({ data }: MessageEvent<Question>) => {
  try {
    self.postMessage(await answer(data));
  } catch (error) {
    self.postMessage({ wrong: String(error) });
  }
};
