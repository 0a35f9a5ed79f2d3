// What an operator does with the console, step by step.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import assert from "node:assert/strict";

import { examined, launch, watched } from "./browser.mjs";
import { client, film, groupPhoto, known, longName, others, stranger, twice } from "./people.mjs";

const [folder] = process.argv.slice(2);
const read = (name) => readFileSync(join(folder, name), "utf8").trim();
const { url, console: address } = JSON.parse(read("served").split("\n")[0]).data;
const origin = new URL(url).origin;
const token = read("token");
const { ask, enroll } = client(origin, token);

const browser = await launch(film(folder));
const { page, wrong } = await watched(browser, origin);
page.setDefaultTimeout(20_000);
const began = performance.now();
const step = (what) => console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${what}`);
const look = async (name) => wrong.push(...(await examined(page, name)));
const go = async (section) => {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#/${section}`);
};
const click = (name, within = page) => within.getByRole("button", { name, exact: true }).click();
const says = (text) => page.getByText(text).first().waitFor();
const nobodyWaits = () => page.waitForFunction(() => !document.querySelector(".waiting"));

async function filesAreServed() {
  const answer = await fetch(address);
  const policy = answer.headers.get("content-security-policy");
  for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "connect-src 'self'"]) {
    assert.ok(policy.includes(part), policy);
  }
  assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
  assert.equal(answer.headers.get("referrer-policy"), "no-referrer");
  assert.equal(answer.headers.get("cache-control"), "no-store");
}

async function signsIn() {
  await page.goto(address);
  const field = page.getByLabel("Token");
  await field.fill("no.token");
  await page.keyboard.press("Enter");
  await says("This token is not known");
  await look("sign-in");
  await field.fill(token);
  await page.keyboard.press("Enter");
  await says("Nobody is enrolled yet");
  await look("people-empty");
  const kept = await page.evaluate(() => [Object.keys(sessionStorage).length, localStorage.length, document.cookie]);
  assert.deepEqual(kept, [1, 0, ""]);
  assert.ok(!page.url().includes(token));
}

async function addsAPerson() {
  await page.getByRole("link", { name: "Add a person" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Known Person");
  await click("Add this person");
  await says("Add a photo of the face.");
  // A file that is no picture, and a photo of several people: refused, with the reason and the boxes.
  const text = join(folder, "text.jpg");
  writeFileSync(text, "this is no picture");
  const files = page.locator(".chooser input[type=file]");
  await files.setInputFiles(text);
  await click("Add this person");
  await says("Not taken: This file is no picture that can be read.");
  await click("Discard");
  await files.setInputFiles(groupPhoto);
  await page.locator(".photo .overlay rect").nth(1).waitFor({ state: "attached" });
  await click("Add this person");
  await says("Not taken: There are several faces on this photo.");
  await page.getByText(/faces were found/).first().waitFor();
  await page.locator(".photo .overlay .refused rect").first().waitFor({ state: "attached" });
  await look("refused");
  await click("Discard");
  await files.setInputFiles(known.photos[0]);
  await page.locator(".photo .overlay rect").first().waitFor({ state: "attached" });
  await click("Add this person");
  await page.getByRole("heading", { name: "Known Person", level: 1 }).waitFor();
  const id = decodeURIComponent(page.url().split("/").pop());
  assert.equal((await ask("GET", `/persons/${id}`)).data.images.length, 1);
  return id;
}

async function editsAPerson(id) {
  const save = async (said) => {
    await click("Save");
    await says(said);
    return (await ask("GET", `/persons/${id}`)).data;
  };
  await page.getByLabel("Nationality").fill("Uruguay");
  await page.getByLabel("Date of birth").fill("1961-05-06");
  await click("Add an attribute");
  await page.getByLabel("Key", { exact: true }).fill("badge");
  await page.getByLabel("Value", { exact: true }).fill("4711");
  const changed = await save("Saved.");
  assert.deepEqual([changed.nationality, changed.attributes.badge], ["Uruguay", "4711"]);
  assert.deepEqual(changed.date_of_birth, { year: 1961, month: 5, day: 6 });
  await look("person");
  // A field is cleared; the others stay.
  await page.getByLabel("Nationality").fill("");
  await page.evaluate(() => document.querySelectorAll(".notice button").forEach((close) => close.click()));
  const cleared = await save("Saved.");
  assert.deepEqual([cleared.nationality, cleared.attributes.badge, cleared.name], [null, "4711", "Known Person"]);
  await page.getByLabel("Name", { exact: true }).fill("");
  await click("Save");
  await page.locator("[aria-invalid]").waitFor();
  await page.getByLabel("Name", { exact: true }).fill("Known Person");
  // Somebody else was quicker.
  await ask("PUT", `/persons/${id}`, { notes: "of another" });
  await page.getByLabel("Nationality").fill("Chile");
  await click("Save");
  await says("Somebody else changed this person meanwhile.");
  assert.equal((await ask("GET", `/persons/${id}`)).data.nationality, null);
  await look("conflict");
  await click("Discard mine and show the person as it is");
  await page.waitForFunction(() => document.querySelector("textarea")?.value === "of another");
}

async function changesPhotos(id) {
  const count = async () => (await ask("GET", `/persons/${id}`)).data.images.length;
  await click("Remove photo 1");
  await says("A person keeps one photo at least.");
  await page.locator(".chooser input[type=file]").setInputFiles(known.photos[2] || known.photos[1]);
  await page.getByRole("button", { name: "Remove photo 2" }).waitFor();
  assert.equal(await count(), 2);
  await page.locator(".chooser input[type=file]").setInputFiles(twice.photos[0]);
  await says("Not taken: The photos seem to show two people.");
  await click("Discard");
  await click("Remove photo 2");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await look("question");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  const focused = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  assert.equal(focused, "Remove photo 2");
  await click("Remove photo 2");
  await click("Remove", dialog);
  await says("The photo was removed.");
  assert.equal(await count(), 1);
}

async function fillsTheVault() {
  const staff = (await ask("POST", "/collections", { name: "Staff" })).data;
  await enroll("Double", twice.photos[0]);
  await enroll("Double again", twice.photos[1]);
  for (const { name, photos } of others) {
    await enroll(name.replaceAll("_", " "), photos[0], { collections: [staff._id] });
  }
  await enroll("Longname".repeat(12), longName.photos[0]);
}

async function listsPeople() {
  await go("people");
  await page.locator(".cards li").nth(23).waitFor();
  await page.locator(".cards .picture img").first().waitFor();
  await look("people");
  await click("Next");
  await says("Page 2 of");
  await page.getByLabel("Search by name").fill("dou");
  await page.waitForFunction(() => document.querySelectorAll(".cards li").length === 2);
  await page.getByLabel("Search by name").fill("nobody has this name");
  await says("Nobody matches.");
  await click("Show all");
  await page.getByLabel("Collection").selectOption({ label: "Staff" });
  await page.waitForFunction(() => !document.body.textContent.includes("Known Person"));
  await page.getByLabel("Collection").selectOption("");
  await page.getByRole("link", { name: /Known Person/ }).waitFor();
}

async function identifies() {
  await go("identify");
  const files = page.locator(".panel input[type=file]");
  await files.setInputFiles(known.photos[0]);
  await page.getByRole("link", { name: "Known Person" }).first().waitFor();
  await page.locator(".overlay .known rect").first().waitFor({ state: "attached" });
  await files.setInputFiles(stranger.photos[0]);
  await says("Nobody enrolled is similar enough.");
  await look("identify");
  await takesTheLastPhoto(files);
  await click("Start the camera");
  await says("In view: Known Person");
  await page.locator(".live .overlay .known text").waitFor({ state: "attached" });
  await says("In view: Unknown");
  await look("identify-live");
  await page.evaluate(() => {
    [globalThis.track] = document.querySelector("video").srcObject.getVideoTracks();
  });
  await go("verify");
  await page.waitForFunction(() => globalThis.track.readyState === "ended");
}

// Two photos are chosen quickly: the answer about the first one, which comes last, is not shown.
async function takesTheLastPhoto(files) {
  let release;
  const second = new Promise((resolve) => {
    release = resolve;
  });
  let handled;
  const first = new Promise((resolve) => {
    handled = resolve;
  });
  await page.route("**/search/faces", async (route) => {
    await second;
    // A request that the page gave up cannot go on.
    await route.continue().catch(() => {});
    handled();
  }, { times: 1 });
  const asked = page.waitForRequest("**/search/faces");
  await files.setInputFiles(stranger.photos[0]);
  await asked;
  await files.setInputFiles(known.photos[0]);
  await page.getByRole("link", { name: "Known Person" }).first().waitFor();
  release();
  await first;
  await page.waitForTimeout(1000);
  await nobodyWaits();
  assert.equal(await page.getByText("Nobody enrolled is similar enough.").count(), 0);
  assert.ok(await page.getByRole("link", { name: "Known Person" }).count() > 0);
}

async function verifies() {
  await page.getByLabel("Search by name").fill("known");
  await page.getByRole("button", { name: "Known Person" }).click();
  await page.locator(".panel input[type=file]").setInputFiles(known.photos[1]);
  await says("Yes: it is Known Person.");
  await page.locator(".panel input[type=file]").setInputFiles(stranger.photos[0]);
  await says("No: this does not seem to be Known Person.");
  await click("Start the camera");
  await page.locator(".verdict.yes").waitFor();
  await page.locator(".live .overlay rect").waitFor({ state: "attached" });
  await look("verify");
}

async function findsDuplicates() {
  await go("duplicates");
  await page.getByRole("link", { name: "Double again" }).waitFor();
  await look("duplicates");
  await click("Remove Double again");
  await click("Remove this person", page.getByRole("dialog"));
  await says("This receipt proves the removal.");
  await look("receipt");
  await click("Close", page.getByRole("dialog"));
  await page.waitForFunction(() => !document.body.textContent.includes("Double again"));
}

async function isHealthy() {
  await go("health");
  await click("Check now");
  await says("No damage in");
  await look("health");
}

async function collects() {
  await go("collections");
  await click("Add a collection");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Visitors");
  await look("collection");
  await click("Save", dialog);
  await page.getByRole("heading", { name: "Visitors" }).waitFor();
  await nobodyWaits();
  await look("collections");
  await click("Remove Visitors");
  await click("Remove", page.getByRole("dialog"));
  await says("The collection Visitors was removed.");
}

async function removesThePerson(id) {
  await go(`people/${id}`);
  await click("Remove this person");
  await click("Remove this person", page.getByRole("dialog"));
  await says("This receipt proves the removal.");
  await click("Close", page.getByRole("dialog"));
  await page.getByRole("heading", { name: "People", level: 1 }).waitFor();
  assert.equal((await ask("GET", `/persons/${id}`)).status, 404);
  await go(`people/${id}`);
  await says("This person does not exist any more.");
}

async function losesItsToken() {
  const other = read("token-to-revoke");
  await click("Sign out");
  await page.getByLabel("Token").fill(other);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: /Not found|People/ }).waitFor();
  const vault = join(folder, "people.vault");
  const revoked = spawnSync(process.env.FACEVAULT, ["token", "revoke", vault, other.split(".")[0]]);
  assert.equal(revoked.status, 0, String(revoked.stderr));
  await go("health");
  await says("You were signed out");
  await page.getByLabel("Token").fill(token);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Health", level: 1 }).waitFor();
}

// The browser notes requests that nobody answers, so nothing is said against it after this.
async function noticesThatTheServerIsGone() {
  await nobodyWaits();
  assert.deepEqual(wrong, []);
  process.kill(Number(process.env.FACEVAULT_SERVER));
  for (;;) {
    try {
      await fetch(`${origin}/healthz`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    } catch {
      break;
    }
  }
  await go("people");
  await says("The server does not answer. What you see may be old");
  await page.getByRole("button", { name: "Try again" }).waitFor();
}

try {
  step("the files");
  await filesAreServed();
  step("signing in");
  await signsIn();
  step("adding a person");
  const id = await addsAPerson();
  step("editing");
  await editsAPerson(id);
  step("photos");
  await changesPhotos(id);
  step("more people");
  await fillsTheVault();
  step("the list");
  await listsPeople();
  step("identifying");
  await identifies();
  step("verifying");
  await verifies();
  step("duplicates");
  await findsDuplicates();
  step("health");
  await isHealthy();
  step("collections");
  await collects();
  step("removing the person");
  await removesThePerson(id);
  step("a token that is revoked");
  await losesItsToken();
  step("a server that is gone");
  await noticesThatTheServerIsGone();
  step("done");
} catch (error) {
  console.error(error);
  console.error(wrong.join("\n"));
  process.exitCode = 1;
} finally {
  await browser.close();
}
