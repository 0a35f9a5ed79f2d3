// The page: who is signed in, which section is shown, whether the server is there.

import { events, isSignedIn, isThere, pause, signOut } from "./api.js";
import { view as collections } from "./collections.js";
import { button, fill, h } from "./dom.js";
import { view as duplicates } from "./duplicates.js";
import { view as health } from "./health.js";
import { view as identify } from "./identify.js";
import { view as newPerson } from "./newperson.js";
import { notify, places, trouble } from "./notices.js";
import { view as people } from "./people.js";
import { view as person } from "./person.js";
import { view as signInView } from "./signin.js";
import { words } from "./strings.js";
import { view as verify } from "./verify.js";

// How long the page waits before it asks again whether the server is back.
const PATIENCE = 3000;

// The sections by the first part of the address behind `#/`.
const SECTIONS = { people, identify, verify, collections, duplicates, health };

const menu = h(
  "nav",
  { "aria-label": words.menu },
  Object.keys(SECTIONS).map((name) => h("a", { href: `#/${name}` }, words.sections[name])),
);
const out = button(words.signIn.out, () => signOut("left"), { class: "quiet" });
const header = h("header", {}, h("a", { class: "brand", href: "#/people" }, mark(), words.title), menu, out);
const gone = h("div", { class: "gone", role: "alert" });
const main = h("main", { id: "content", tabindex: "-1" });

let leaving = null;
let reason = null;
let isWatching = false;

function mark() {
  return h("img", { src: "icon.svg", alt: "", width: "26", height: "26" });
}

// Shows the section that the address names.
function show() {
  leaving?.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  for (const dialog of document.querySelectorAll("dialog")) dialog.close("");
  const signedIn = isSignedIn();
  menu.hidden = !signedIn;
  out.hidden = !signedIn;
  const [section = "people", id] = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean);
  for (const link of menu.children) {
    if (link.getAttribute("href") === `#/${section}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  fill(main, signedIn ? content(section, id, signal) : signInView(reason, entered));
  const heading = main.querySelector("h1");
  document.title = heading ? `${heading.textContent} · ${words.title}` : words.title;
  const first = signedIn ? heading : main.querySelector("input");
  first?.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function content(section, id, signal) {
  if (section === "people" && id === "new") return newPerson(signal);
  if (section === "people" && id) return person(decoded(id), signal);
  if (Object.hasOwn(SECTIONS, section) && !id) return SECTIONS[section](signal);
  const home = h("a", { href: "#/people" }, words.notFound.home);
  return [h("h1", { tabindex: "-1" }, words.notFound.title), trouble(words.notFound.text, home)];
}

// The id that an address names; one that is written wrongly is nobody's.
function decoded(id) {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

function entered() {
  reason = null;
  show();
}

events.addEventListener("signed-out", (event) => {
  reason = event.detail;
  show();
});

// Says that the server is gone, and asks until it is back.
events.addEventListener("offline", async () => {
  if (isWatching) return;
  isWatching = true;
  fill(gone, h("p", {}, words.offline.text));
  do await pause(PATIENCE);
  while (!(await isThere()));
  isWatching = false;
  fill(gone);
  notify(words.offline.back);
});

window.addEventListener("hashchange", show);
const skip = h("a", { class: "skip", href: "#content" }, words.skip);
skip.addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
document.body.append(skip, header, gone, main, ...places);
show();
