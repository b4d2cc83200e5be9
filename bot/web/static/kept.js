// The conversation as the browser keeps it until the tab is closed: a reload brings it back.

const KEY = "conversation";
const MOST_TURNS = 30;
const MOST_LETTERS = 400_000;
const PHOTO_EDGE = 160;

/** What was asked and answered, oldest first: `[{question, reply}]`. */
export function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
}

/** Keep these turns, of many the last ones. */
export function keep(turns) {
  const last = turns.slice(-MOST_TURNS);
  let text = JSON.stringify(last);
  while (last.length && text.length > MOST_LETTERS) {
    last.shift();
    text = JSON.stringify(last);
  }
  try {
    if (last.length) sessionStorage.setItem(KEY, text);
    else sessionStorage.removeItem(KEY);
  } catch {
    // A browser that keeps nothing: the conversation ends with the page.
  }
}

/** Whether a file of the reader's is a video. */
export const moves = (file) => Boolean(file?.type.startsWith("video/"));

/** The picture of a file, the first one of a video. */
async function bitmapOf(file) {
  if (!moves(file)) return createImageBitmap(file);
  const video = document.createElement("video");
  const seen = new Promise((resolve, reject) => Object.assign(video, { onloadeddata: resolve, onerror: reject }));
  Object.assign(video, { muted: true, preload: "auto", src: URL.createObjectURL(file) });
  try {
    await seen;
    return await createImageBitmap(video);
  } finally {
    URL.revokeObjectURL(video.src);
  }
}

/** A photo small enough to be kept, as base64; "" where the browser cannot read it. */
export async function smallOf(file) {
  try {
    const bitmap = await bitmapOf(file);
    const share = Math.min(1, PHOTO_EDGE / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(bitmap.width * share));
    canvas.height = Math.max(1, Math.round(bitmap.height * share));
    const pen = canvas.getContext("2d");
    // JPEG knows no transparency: without a ground it would be black.
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return canvas.toDataURL("image/jpeg", 0.8).split(",")[1];
  } catch {
    return "";
  }
}

/** The address of a photo that was kept so. */
export function addressOf(small) {
  const bytes = Uint8Array.from(atob(small), (letter) => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
}
