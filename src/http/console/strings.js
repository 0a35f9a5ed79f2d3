// Every text of the page.

const numbers = new Intl.NumberFormat("en");
const dates = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const times = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

export function number(value) {
  return numbers.format(value);
}

// `1 person`, `2 people`.
export function count(value, one, many) {
  return `${number(value)} ${value === 1 ? one : many}`;
}

export function time(text) {
  return times.format(new Date(text));
}

// A date of an answer, `{year, month, day}`.
export function day({ year, month, day: date }) {
  const found = new Date(0);
  found.setFullYear(year, month - 1, date);
  return dates.format(found);
}

export function bytes(value) {
  if (value < 1024) return count(value, "byte", "bytes");
  const [unit, size] = value < 1024 ** 2 ? ["KiB", 1024] : value < 1024 ** 3 ? ["MiB", 1024 ** 2] : ["GiB", 1024 ** 3];
  return `${numbers.format(Math.round((value / size) * 10) / 10)} ${unit}`;
}

export function score(value) {
  return value.toFixed(3);
}

export const words = {
  title: "facevault",
  skip: "Skip to the content",
  menu: "Sections",
  loading: "Loading…",
  again: "Try again",
  cancel: "Cancel",
  close: "Close",
  copy: "Copy",
  copied: "Copied.",
  save: "Save",
  remove: "Remove",
  open: "Open",
  none: "none",
  notFound: { title: "Not found", text: "There is no such page.", home: "Go to the people" },

  sections: {
    people: "People",
    identify: "Identify",
    verify: "Verify",
    collections: "Collections",
    duplicates: "Duplicates",
    health: "Health",
  },

  signIn: {
    title: "Sign in",
    text: "The console shows people, photos and faces of a vault on this machine.",
    token: "Token",
    how: "On this machine, this command makes one:",
    command: "facevault token create VAULT",
    action: "Sign in",
    out: "Sign out",
    needed: "Enter a token.",
    wrong: "This token is not known. Check that all of it was pasted, or make a new one.",
    expired: "This token has expired. Make a new one.",
    revoked: "You were signed out: the token is no longer known. It may have been revoked.",
    left: "You are signed out.",
  },

  offline: {
    text: "The server does not answer. What you see may be old; nothing is saved until it is back.",
    back: "The server answers again.",
  },

  people: {
    title: "People",
    add: "Add a person",
    search: "Search by name",
    status: "Status",
    collection: "Collection",
    all: "All",
    found: (total) => count(total, "person", "people"),
    photos: (total) => count(total, "photo", "photos"),
    page: (page, pages) => `Page ${number(page)} of ${number(pages)}`,
    pages: "Pages",
    before: "Previous",
    after: "Next",
    empty: "Nobody is enrolled yet. Add the first person by a photo.",
    noMatch: "Nobody matches. Search for another part of the name, or show all.",
    showAll: "Show all",
  },

  statuses: { active: "Active", inactive: "Inactive", pending: "Pending" },
  genders: { "": "Not stated", M: "Male", F: "Female" },

  person: {
    back: "All people",
    add: "Add a person",
    create: "Add this person",
    created: (name) => `${name} was added.`,
    fields: "Details",
    saved: "Saved.",
    unchanged: "Nothing was changed.",
    reset: "Undo changes",
    about: "Record",
    id: "Id",
    since: "Added",
    changed: "Last changed",
    name: "Name",
    gender: "Gender",
    date_of_birth: "Date of birth",
    nationality: "Nationality",
    status: "Status",
    statusHint: "Only active people are found by their face.",
    collections: "Collections",
    noCollections: "There are no collections yet.",
    notes: "Notes",
    expires_at: "Remove after",
    expiresHint: "Carried out if the vault's policy says so. Until then the person is found.",
    attributes: "Attributes",
    attributesHint: "Facts by keys of your own. Keys have a-z, 0-9 and _ . -",
    key: "Key",
    value: "Value",
    addAttribute: "Add an attribute",
    removeAttribute: (key) => `Remove the attribute ${key || "without a key"}`,
    twice: (key) => `The attribute ${key} stands there twice.`,
    noKey: "An attribute needs a key.",
    conflict: "Somebody else changed this person meanwhile. Your changes are not saved.",
    theirs: "Discard mine and show the person as it is",
    mine: "Save mine nevertheless",
    gone: "This person does not exist any more.",
    known: "This person is enrolled already:",
    removal: "Remove this person",
    removalText: "Photos, encodings and all details are erased from the vault. This cannot be undone.",
    removalQuestion: (name) => `Remove ${name}?`,
    removed: (name) => `${name} was removed.`,
    receipt: "This receipt proves the removal. The vault keeps no copy of it: store it if you may have to prove it.",
    pending: "Parts are still on the disk. They are erased as soon as no program reads an older state; a hub does so in its own time.",
  },

  photos: {
    title: "Photos",
    add: "Add photos",
    camera: "Take a photo",
    hint: (most, size) => `Up to ${number(most)}, each of one face. JPEG, PNG, WebP, HEIC and others, up to ${size}.`,
    dropped: "Or drop files here.",
    of: (name, place) => `Photo ${place} of ${name}`,
    chosen: (place) => `New photo ${place}`,
    remove: (place) => `Remove photo ${place}`,
    removeQuestion: "Remove this photo?",
    removeText: "The photo and its encoding are erased from the vault.",
    last: "A person keeps one photo at least. Add another one first, then remove this one.",
    saving: "The photo is examined…",
    added: "The photo was added.",
    removed: "The photo was removed.",
    refused: "Not taken",
    fits: "One face was found.",
    several: "Several faces were found. The largest is taken if it stands out.",
    dismiss: "Discard",
    noPreview: "No preview",
    noPhoto: "An encoding without a photo",
    unreadable: "The file cannot be read.",
    empty: "The file is empty.",
    tooLarge: (size, most) => `The file has ${size}. At most ${most} are taken: choose a smaller one.`,
    tooMany: (most) => `At most ${number(most)} photos are taken here.`,
    needed: "Add a photo of the face.",
    notAdded: "Nobody was added: a photo was not taken. The reason stands at the photo.",
    without: "This person has an encoding without a photo, so photos cannot be changed here.",
  },

  camera: {
    start: "Start the camera",
    stop: "Stop the camera",
    take: "Take the photo",
    choose: "Camera",
    mirror: "Mirror the picture",
    view: "What the camera sees",
    starting: "The camera starts…",
    unsupported: "This browser gives the page no camera. Open the page at 127.0.0.1 or localhost.",
    denied: "The browser does not let this page use the camera. Allow it in the browser's settings for this page.",
    missing: "There is no camera. Connect one and try again.",
    used: "The camera cannot be opened. Another program may be using it.",
    failed: "The camera cannot be started.",
    ended: "The camera was disconnected.",
    pace: (rate) => `${rate.toFixed(1)} pictures a second`,
    nobody: "No face in view.",
  },

  identify: {
    title: "Identify",
    text: "Who is in front of the camera, or on a photo?",
    file: "A photo",
    live: "The camera",
    choose: "Choose a photo",
    settings: "Settings",
    collection: "Only members of",
    everybody: "Everybody",
    least: "Lowest score",
    rate: (rate, people) =>
      `With ${count(people, "person", "people")}, about ${rate} of strangers are taken for somebody.`,
    rateUnknown: "Higher is stricter.",
    results: "Faces",
    unknown: "Unknown",
    unknownText: "Nobody enrolled is similar enough.",
    similar: "Most similar:",
    refused: "Not searched for",
    face: (place) => `Face ${place}`,
    score: (value) => `score ${value}`,
    noFace: "There is no face on this photo.",
    seen: (names) => `In view: ${names}`,
    nobodyEnrolled: "Nobody is enrolled yet, so nobody can be found.",
  },

  verify: {
    title: "Verify",
    text: "Is this the person who it is said to be?",
    who: "Who should it be?",
    search: "Search by name",
    chosen: (name) => `It should be ${name}.`,
    change: "Choose somebody else",
    noMatch: "Nobody has such a name.",
    more: "There are more. Write more of the name.",
    yes: (name) => `Yes: it is ${name}.`,
    no: (name) => `No: this does not seem to be ${name}.`,
    rate: (rate) => `About ${rate} of strangers pass for somebody else.`,
    inactive: "This person is not active, so a verification is not possible.",
  },

  collections: {
    title: "Collections",
    text: "Groups of people. A search can be limited to one of them.",
    add: "Add a collection",
    name: "Name",
    description: "Description",
    edit: "Edit",
    editTitle: (name) => `Edit ${name}`,
    members: (total) => count(total, "person", "people"),
    show: (name) => `Show the people of ${name}`,
    remove: (name) => `Remove ${name}`,
    removeQuestion: (name) => `Remove the collection ${name}?`,
    removeText: "The people in it stay.",
    removed: (name) => `The collection ${name} was removed.`,
    saved: "The collection was saved.",
    empty: "There are no collections yet.",
  },

  duplicates: {
    title: "Duplicates",
    text: "Pairs of people who look like one. They may be one person who was added twice, or two who look alike.",
    strictness: "Which pairs",
    automatic: "Automatic: about 1 person in 100 is listed without reason",
    above: (value) => `Score above ${value}`,
    compared: (people) => `${count(people, "person was", "people were")} compared.`,
    without: (people) => `${count(people, "person", "people")} could not be compared: no encoding by the loaded model.`,
    cut: "There are more pairs. Begin with these.",
    none: "No pairs look like one person.",
    pair: (place, value) => `Pair ${place}: score ${value}`,
    remove: (name) => `Remove ${name}`,
  },

  health: {
    title: "Health",
    vault: "Vault",
    people: "People",
    byStatus: ({ active, inactive, pending }) =>
      `${number(active)} active, ${number(inactive)} inactive, ${number(pending)} pending`,
    collections: "Collections",
    size: "Size on the disk",
    generation: "Generation",
    model: "Model of the encodings",
    mode: "Encoding mode",
    modes: { FAST: "Fast: one view of a face", ACCURATE: "Accurate: also its mirror image" },
    noModel: "No encoding yet",
    erasure: "Erasure",
    erasures: { done: "Nothing that was removed is left", pending: "Parts are still on the disk" },
    access: "Access",
    readOnly: "Only reading",
    readWrite: "Reading and writing",
    severalClients: "The vault has several clients. What its file says is shown to the operator: `facevault check`.",
    without: (people) =>
      `${count(people, "person", "people")} cannot be found: the photos have no encoding by the loaded model. ` +
      "Run `facevault reencode` on the machine.",
    models: "Models",
    pack: "Pack",
    licence: "Licence",
    terms: "Terms",
    dimension: "Components of an encoding",
    runtime: "Runtime",
    liveness: "Liveness check",
    loaded: "Loaded",
    notLoaded: "Not loaded",
    noPack: "The server runs without models: photos cannot be examined.",
    scores: "Scores",
    anchor: "0.85 stands for a false match rate of 1 in 1,000",
    check: "Check",
    checkText: "Reads the whole vault and compares everything with its checksum. Others may go on using it.",
    checkNow: "Check now",
    checking: "The vault is read…",
    whole: (found) =>
      `No damage in ${count(found.persons, "person", "people")}, ${count(found.images, "photo", "photos")}, ` +
      `${count(found.encodings, "encoding", "encodings")} and ` +
      `${count(found.audit_entries, "entry", "entries")} of the audit trail.`,
    damaged: (problems) => `${count(problems, "damage was", "damages were")} found. Restore a backup.`,
  },

  // What went wrong, by the word of the answer.
  failures: {
    offline: "The server does not answer.",
    busy: "The server is busy. Try again in a moment.",
    too_many_requests: "Too many attempts. Wait a second and try again.",
    body_too_large: "This is too much for one request. Send fewer or smaller photos.",
    too_many_pixels: "The photos have too many pixels for one request. Send fewer or smaller ones.",
    no_model: "The server runs without models, or with other ones than the vault's. Photos cannot be examined.",
    no_scores: "There are no scores for the loaded model: run `facevault calibrate` on the machine.",
    runtime_failed: "The models failed. The server's log says why.",
    vault_damaged: "The vault is damaged. Open Health and check it.",
    vault_moved: "The vault's file was moved or replaced. Restart the server.",
    vault_unsupported: "The vault cannot be used. The server's log says why.",
    internal_error: "The server failed. Its log says why.",
    outcome_unknown: "It is not known whether this was saved. Load the page again and look.",
    request_timeout: "Sending took too long. Try again.",
    invalid_collection: "This collection does not exist any more.",
    PERSON_NOT_FOUND: "This person does not exist any more.",
    only_images_in_base64: "The file could not be sent. Choose it again.",
    other: (status, text) => `The server refused this (${status}): ${text}`,
  },

  // Why a photo was refused, by its code; the server adds what it measured and what to do.
  refusals: {
    no_face_detected: "There is no face on this photo",
    no_photo: "There is no photo",
    undecodable_image: "This file is no picture that can be read",
    image_too_large: "This picture has too many pixels",
    multiple_faces_detected: "There are several faces on this photo",
    different_person: "The photos seem to show two people",
    face_too_small: "The face is too small",
    face_too_close: "The face is too close and leaves the photo",
    face_not_centered: "The face is at the side and leaves the photo",
    face_close_to_border: "The face leaves the photo",
    face_rotation_too_large: "The face looks too far to the side",
    face_occluded: "Something covers the face",
    poor_lighting: "The light is not good enough",
    blurred: "The photo is not sharp enough",
    low_quality: "The photo is not good enough",
    not_recognizable: "This face cannot be recognised well enough",
    liveness_failed: "This does not seem to be a living person",
    other: "The photo was refused",
  },
};
