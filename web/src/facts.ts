/** What Python knows, as `tools/make_page.py` wrote it. */

import facts from "../models/facts.json";
import type { Convention } from "./geometry";

export type ModelName = keyof typeof facts.models;

export const conventions: Record<string, Convention> = facts.conventions;

export { facts };
