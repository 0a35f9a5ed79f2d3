// Signing in with a token.

import { Failure, signIn } from "./api.js";
import { field, h, mark, working } from "./dom.js";
import { explain } from "./messages.js";
import { words } from "./strings.js";

// The view; `entered` is called once a token was accepted.
export function view(reason, entered) {
  const token = h("input", {
    type: "password",
    name: "token",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    required: true,
  });
  const action = h("button", { type: "submit", class: "main" }, words.signIn.action);
  const work = working(action, async () => {
    const shown = token.value.trim();
    if (!shown) return refuse(words.signIn.needed);
    // A header takes no other characters; a token has none of them.
    if (!/^[\x21-\x7e]+$/.test(shown)) return refuse(words.signIn.wrong);
    try {
      await signIn(shown);
      token.value = "";
      entered();
    } catch (failure) {
      refuse(failure instanceof Failure && failure.status === 401 ? words.signIn.wrong : said(failure));
    }
  });
  const refuse = (text) => {
    mark(token, text);
    token.focus();
  };
  const form = h(
    "form",
    { class: "panel", novalidate: true, on: { submit: work } },
    field(words.signIn.token, token),
    action,
    h("p", { class: "hint" }, words.signIn.how),
    h("p", {}, h("code", {}, words.signIn.command)),
  );
  return h(
    "div",
    { class: "signin" },
    h("h1", { tabindex: "-1" }, words.signIn.title),
    h("p", {}, words.signIn.text),
    reason ? h("p", { class: "trouble", role: "alert" }, words.signIn[reason]) : null,
    form,
  );
}

function said(failure) {
  if (failure instanceof Failure && failure.word === "token_expired") return words.signIn.expired;
  return explain(failure).join(" ");
}
