// Two helps, and nothing else: what has changed is said (or put in its place), and what was typed is kept until it is sent.
"use strict";

const news = document.getElementById("news");

// Live pages ------------------------------------------------------------------------------------------------------------------
// `data-live` names the stream. Parts marked `data-part` are read again and swapped, unless a form is being filled in.
const stream = document.body.dataset.live;
const busy = () => document.querySelector("form.answer") !== null;

function say() {
  if (news.childElementCount) return;
  const box = document.createElement("div");
  box.className = "news";
  const text = document.createElement("span");
  text.textContent = news.dataset.text;
  const link = document.createElement("a");
  link.href = location.href;
  link.textContent = news.dataset.reload;
  box.append(text, link);
  news.append(box);
}

async function look() {
  const here = [...document.querySelectorAll("[data-part]")];
  if (busy() || !here.length || here.some((part) => part.contains(document.activeElement))) return say();
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  if (!answer.ok) return say();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of here) {
    const other = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
    if (other && other.innerHTML !== part.innerHTML) part.replaceChildren(...document.importNode(other, true).childNodes);
  }
}

if (stream && "EventSource" in window) {
  let soon = 0;
  const changed = () => {
    clearTimeout(soon);
    soon = setTimeout(() => look().catch(say), 400);
  };
  const source = new EventSource(stream);
  source.addEventListener("changed", changed);
  addEventListener("pagehide", () => source.close());
}

// Unsaved text -----------------------------------------------------------------------------------------------------------------
for (const form of document.querySelectorAll("form[data-keep]")) {
  const key = `pca:${form.dataset.keep}`;
  const texts = () => [...form.querySelectorAll("textarea")].filter((field) => field.name);
  try {
    const kept = JSON.parse(sessionStorage.getItem(key) || "{}");
    for (const field of texts()) if (!field.value && kept[field.name]) field.value = kept[field.name];
  } catch { /* what cannot be read is not kept */ }
  form.addEventListener("input", () => {
    try {
      sessionStorage.setItem(key, JSON.stringify(Object.fromEntries(texts().map((field) => [field.name, field.value]))));
    } catch { /* a full or closed store keeps nothing */ }
  });
}
const done = document.querySelector("#outcome.good");
if (done) for (const key of Object.keys(sessionStorage)) if (key.startsWith("pca:")) sessionStorage.removeItem(key);

// A summary of problems, or an outcome, is read first.
const first = document.getElementById("problems") || document.getElementById("outcome");
if (first) first.focus();
