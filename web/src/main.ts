/** The page: pictures in, points shown, files out. */

import portrait from "../../tutorials/astronaut.jpg?url";
import { asJson, asPts, save } from "./downloads";
import { draw, largestScale } from "./drawing";
import { type ModelName, facts } from "./facts";
import type { Face } from "./finder";
import { meanOf } from "./geometry";
import type { Answer, Question } from "./worker";

const byId = <Kind extends HTMLElement>(id: string) => document.getElementById(id) as Kind;

const canvas = byId<HTMLCanvasElement>("canvas");
const status = byId("status");
const least = byId<HTMLInputElement>("least");
const cameraButton = byId<HTMLButtonElement>("camera");
const fileInput = byId<HTMLInputElement>("file");

/** A picture, its name, and its faces once they are found: `answered`. */
type Shown = { picture: ImageBitmap; name: string; model: ModelName; faces: Face[]; answered: boolean };
let shown: Shown | null = null;
let camera: MediaStream | null = null;
/** Counts what was asked for, so that a late answer about an older picture is left out. */
let asked = 0;
/** Counts the files that were opened, of which the newest is shown. */
let opened = 0;

/** What looks for faces; made anew after something went wrong, of which a runtime does not recover. */
let worker: Worker | null = null;

function answerTo(question: Question): Promise<Answer> {
  worker ??= new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const asking = worker;
  return new Promise((resolve) => {
    asking.onmessage = ({ data }) => resolve(data);
    asking.onerror = ({ message }) => resolve({ wrong: message || "the page's worker did not start" });
    asking.postMessage(question, [question.picture.data.buffer]);
  });
}

/** The faces of a picture. One question at a time: the next waits, and one that is no more wanted is left out. */
let before: Promise<unknown> = Promise.resolve();
function ask(question: Question, number: number): Promise<Answer> {
  const answer = before.then(async (): Promise<Answer> => {
    if (number !== asked) return { wrong: "another picture was opened" };
    const found = await answerTo(question);
    if ("wrong" in found) {
      worker?.terminate();
      worker = null;
    }
    return found;
  });
  before = answer;
  return answer;
}

function chosenModel(): ModelName {
  return document.querySelector<HTMLInputElement>("input[name=model]:checked")!.value as ModelName;
}

/** Says something, aloud to screen readers, and how long it took, which they leave out. */
function say(text: string, wrong = false, milliseconds?: number): void {
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle("wrong", wrong);
  byId("time").textContent = milliseconds === undefined ? "" : `${Math.round(milliseconds)} ms`;
}

const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`;
const percent = (share: number) => `${Math.round(share * 100)} %`;

function pixelsOf(picture: ImageBitmap): ImageData {
  const scale = Math.min(1, largestScale(picture));
  const [width, height] = [picture.width, picture.height].map((side) => Math.round(side * scale));
  const copy = new OffscreenCanvas(width, height);
  const pen = copy.getContext("2d", { willReadFrequently: true })!;
  pen.drawImage(picture, 0, 0, width, height);
  return pen.getImageData(0, 0, width, height);
}

/** A face that was found in a reduced picture, in the pixels of the whole one. */
function grown(face: Face, x: number, y: number): Face {
  const [left, top, right, bottom] = face.box;
  return {
    ...face,
    box: [left * x, top * y, right * x, bottom * y],
    landmarks: face.landmarks.map(([u, v]) => [(u + 0.5) * x - 0.5, (v + 0.5) * y - 0.5]),
    error: face.error.map((error) => error * Math.sqrt(x * y)),
  };
}

/** Looks for the faces of a picture and shows them; true if there is an answer. */
async function find(picture: ImageBitmap, name: string): Promise<boolean> {
  const number = ++asked;
  const model = chosenModel();
  const live = camera !== null;
  if (!live) {
    show({ picture, name, model, faces: [], answered: false });
    say("Looking for faces …");
  }
  let pixels: ImageData;
  try {
    pixels = pixelsOf(picture);
  } catch {
    say(`${name} is too large for this browser.`, true);
    return false;
  }
  const { width, height, data } = pixels;
  const answer = await ask({ picture: { width, height, data }, model, sides: !live }, number);
  if (number !== asked) return false;
  if ("wrong" in answer) {
    say(`Something went wrong: ${answer.wrong}`, true);
    return false;
  }
  const faces = answer.faces.map((face) => grown(face, picture.width / width, picture.height / height));
  show({ picture, name, model, faces, answered: true });
  const none = live ? "No face in view." : `No face was found in ${name}, neither upright nor turned.`;
  const count = faces.length;
  say(count ? `${plural(count, "face")}.` : none, !count && !live, answer.milliseconds);
  return true;
}

function show(next = shown): void {
  if (!next) return;
  if (shown && shown.picture !== next.picture) shown.picture.close();
  shown = next;
  const { picture, faces, answered } = shown;
  const limit = Number(least.value) / 100;
  draw(canvas, picture, faces, limit);
  canvas.hidden = false;
  byId("empty").hidden = true;
  byId("frame").classList.add("filled");
  byId("none").hidden = faces.length > 0 || !answered;
  byId("none").textContent = "None.";
  byId<HTMLButtonElement>("json").disabled = byId<HTMLButtonElement>("png").disabled = !faces.length;
  const lines = faces.map((face, i) => {
    const count = face.confidence.filter((confidence) => confidence >= limit).length;
    return { title: `Face ${i + 1}`, about: `${percent(meanOf(face.confidence))} sure, ${count} points shown` };
  });
  const said = lines.map(({ title, about }) => `${title}: ${about}.`);
  canvas.setAttribute("aria-label", `${shown.name}: ${plural(faces.length, "face")}. ${said.join(" ")}`);
  list(lines);
}

/** The faces' lines; those that stand there stay, so that a button keeps the focus. */
function list(lines: { title: string; about: string }[]): void {
  const faces = byId<HTMLOListElement>("faces");
  while (faces.children.length > lines.length) faces.lastElementChild!.remove();
  lines.forEach(({ title, about }, i) => {
    const line = faces.children[i] ?? faces.appendChild(emptyLine(i, title));
    line.querySelector("small")!.textContent = about;
  });
}

function emptyLine(number: number, title: string): HTMLLIElement {
  const line = document.createElement("li");
  const text = document.createElement("span");
  text.append(title, document.createElement("small"));
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = ".pts";
  button.setAttribute("aria-label", `Download ${title} as .pts`);
  button.onclick = () => shown && save(asPts(shown.faces[number]), `${stem()}-${number + 1}.pts`);
  line.append(text, button);
  return line;
}

const stem = () => shown!.name.replace(/\.[^.]*$/, "");

async function open(file: Blob, name: string): Promise<void> {
  stopCamera();
  const number = ++opened;
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    if (number === opened) say(`${name} is not a picture that this browser can read.`, true);
    return;
  }
  if (number === opened) await find(picture, name);
}

async function startCamera(): Promise<void> {
  const number = ++opened; // what is still read comes too late, and the camera after what is opened next
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, facingMode: "user" } });
  } catch (error) {
    if (number !== opened) return;
    const denied = error instanceof DOMException && error.name === "NotAllowedError";
    say(denied ? "The camera was not allowed." : "There is no camera that can be used.", true);
    return;
  }
  if (number !== opened) return stream.getTracks().forEach((track) => track.stop());
  stopCamera();
  camera = stream;
  cameraButton.setAttribute("aria-pressed", "true");
  cameraButton.textContent = "Stop camera";
  const video = document.createElement("video");
  video.srcObject = stream;
  video.muted = video.playsInline = true;
  const [track] = stream.getVideoTracks();
  try {
    await video.play();
    while (camera === stream && track.readyState === "live") {
      if (!(await find(await createImageBitmap(video), "camera"))) break;
      await new Promise(requestAnimationFrame);
    }
  } catch {
    track.stop(); // of a camera that gives no pictures
  }
  if (camera !== stream) return;
  if (track.readyState === "ended") say("The camera is gone.", true);
  stopCamera();
}

function stopCamera(): void {
  camera?.getTracks().forEach((track) => track.stop());
  camera = null;
  cameraButton.setAttribute("aria-pressed", "false");
  cameraButton.textContent = "Camera";
}

byId("choose").onclick = () => fileInput.click();
fileInput.onchange = () => {
  const [file] = fileInput.files ?? [];
  if (file) void open(file, file.name);
  fileInput.value = ""; // so that the same one may be chosen again
};
byId("sample").onclick = async () => open(await (await fetch(portrait)).blob(), "astronaut.jpg");
cameraButton.onclick = () => (camera ? stopCamera() : void startCamera());
least.oninput = () => {
  byId("least-shown").textContent = `${least.value} %`;
  show();
};
for (const radio of document.querySelectorAll<HTMLInputElement>("input[name=model]")) {
  const { name, nme } = facts.models[radio.value as ModelName];
  byId(`about-${radio.value}`).textContent = `${name}: mean error ${nme.toFixed(2)} % of the eyes' distance`;
  radio.onchange = () => {
    if (shown && !camera) void find(shown.picture, shown.name);
  };
}
byId("json").onclick = () => {
  if (shown) save(asJson(facts.models[shown.model].name, shown.name, shown.faces), `${stem()}.json`);
};
byId("png").onclick = () => canvas.toBlob((blob) => blob && save(blob, `${stem()}-landmarks.png`), "image/png");

const frame = byId("frame");
document.ondragover = (event) => {
  event.preventDefault();
  frame.classList.add("over");
};
document.ondragleave = () => frame.classList.remove("over");
document.ondrop = (event) => {
  event.preventDefault();
  frame.classList.remove("over");
  const [file] = event.dataTransfer?.files ?? [];
  if (file) void open(file, file.name);
};
document.onpaste = (event) => {
  const [file] = event.clipboardData?.files ?? [];
  if (file) void open(file, file.name);
};
