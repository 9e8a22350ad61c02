/** The networks, run by ONNX Runtime. */

import * as ort from "onnxruntime-web/wasm";
import runtime from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";

import { type ModelName, conventions, facts } from "./facts";
import type { Convention, Point, Size } from "./geometry";
import { type Picture, rgb } from "./resampling";

ort.env.wasm.wasmPaths = { wasm: runtime };
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const files = import.meta.glob<string>("../models/*.onnx", { query: "?url", import: "default", eager: true });

const opened = new Map<string, Promise<ort.InferenceSession>>();

/** A network, which is opened when it is first asked for. */
export function open(file: string): Promise<ort.InferenceSession> {
  let session = opened.get(file);
  if (!session) {
    session = ort.InferenceSession.create(new URL(files[`../models/${file}`], self.location.href).href);
    session.catch(() => opened.delete(file)); // so that it may be tried again
    opened.set(file, session);
  }
  return session;
}

/** Places and logits of the 896 anchors of a BlazeFace network for a square. */
export async function runBlaze(name: string, square: Picture): Promise<{ places: Float32Array; logits: Float32Array }> {
  const session = await open(`${name}.onnx`);
  const values = new Float32Array(rgb(square));
  for (let i = 0; i < values.length; i++) values[i] = values[i] / 127.5 - 1;
  const input = new ort.Tensor("float32", values, [1, square.height, square.width, 3]);
  const { regressors, classificators } = await session.run({ [session.inputNames[0]]: input });
  return { places: regressors.data as Float32Array, logits: classificators.data as Float32Array };
}

export type Output = { landmarks: Point[]; error: number[] };

/** A network that finds landmarks in crops. */
export class Landmarker {
  readonly size: Size;
  readonly margin: number;
  readonly box: Convention;
  readonly file: string;

  constructor(name: ModelName) {
    const { file, size, margin, box } = facts.models[name];
    this.file = file;
    this.size = size as Size;
    this.margin = margin;
    this.box = conventions[box];
  }

  /** The landmarks of each crop in its pixels, and how far off each may be. */
  async predict(crops: Picture[]): Promise<Output[]> {
    if (!crops.length) return [];
    const session = await open(this.file);
    const pixels = new Uint8Array(crops.length * this.size[0] * this.size[1] * 3);
    crops.forEach((crop, i) => pixels.set(rgb(crop), (i * pixels.length) / crops.length));
    const input = new ort.Tensor("uint8", pixels, [crops.length, ...this.size, 3]);
    const { landmarks, error } = await session.run({ crops: input });
    const [places, errors] = [landmarks.data as Float32Array, error.data as Float32Array];
    const count = errors.length / crops.length;
    return crops.map((_, i) => ({
      landmarks: Array.from({ length: count }, (_, k) => {
        const at = 2 * (i * count + k);
        return [places[at], places[at + 1]] as Point;
      }),
      error: Array.from(errors.subarray(i * count, (i + 1) * count)),
    }));
  }
}
