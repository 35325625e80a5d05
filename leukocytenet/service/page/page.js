// The page: sends each chosen picture on its own, shows what comes back, keeps nothing.
"use strict";

const TITLES = { gradcam: "Grad-CAM", saliency: "Saliency", lime: "LIME" };
const find = (place, what) => place.querySelector(what);
let model = { explanations: [], classes: [], limits: {} };
let known;  // settled once `model` is what the server said of it, or it did not say
let queue = [];
let busy = false;
let done = 0;
let failed = 0;
let limes = Promise.resolve();  // settled with the last LIME that was asked for

const percent = (value, digits = 1) => `${(100 * value).toFixed(digits)}%`;

function element(tag, text, kind) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

// The answer as JSON; waits and asks again where the server says that it is busy.
async function ask(path, body, tries = 5) {
  let answer;
  try {
    answer = await fetch(path, body ? { method: "POST", body } : {});
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  if (answer.status === 503 && tries > 0) {
    const seconds = Math.min(30, Number(answer.headers.get("Retry-After")) || 2);
    await new Promise((next) => setTimeout(next, 1000 * seconds));
    return ask(path, body, tries - 1);
  }
  const text = await answer.text();
  let found = {};
  try { found = JSON.parse(text); } catch { found = { error: text.slice(0, 200) }; }
  if (!answer.ok) throw new Error(found.error || `The server answered ${answer.status}.`);
  return found;
}

// A folder, or a file that has been changed since: the browser refuses to send it.
async function readable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Error("The browser cannot read this file. Is it a folder, or was it changed or moved?");
  }
}

// The server computes one LIME at a time, and would send the others away.
function inTurn(request) {
  limes = limes.then(request, request);
  return limes;
}

function tell() {
  const left = queue.length + (busy ? 1 : 0);
  const state = document.getElementById("state");
  const parts = [];
  if (done) parts.push(`${done} ${done === 1 ? "picture" : "pictures"} done`);
  if (failed) parts.push(`${failed} refused`);
  if (left) parts.push(`${left} to go`);
  state.textContent = parts.length ? `${parts.join(", ")}.` : "";
}

function add(files) {
  const place = document.getElementById("results");
  for (const file of files) {
    const shown = document.getElementById("result").content.cloneNode(true).firstElementChild;
    find(shown, "h2").textContent = file.name;
    find(shown, ".body").hidden = true;
    find(shown, ".wait span").textContent = "Waiting";
    find(shown, ".remove").setAttribute("aria-label", `Remove ${file.name}`);
    find(shown, ".remove").addEventListener("click", () => {
      queue = queue.filter((entry) => entry.shown !== shown);
      // With its button the keyboard would lose its place.
      const near = shown.nextElementSibling || shown.previousElementSibling;
      (near ? find(near, ".remove") : document.getElementById("files")).focus();
      shown.remove();
      tell();
    });
    place.append(shown);
    queue.push({ file, shown });
  }
  work();
}

async function work() {
  tell();
  await known;  // which explanations can be asked for
  if (busy) return;
  while (queue.length) {
    busy = true;
    const { file, shown } = queue.shift();
    tell();
    find(shown, ".wait span").textContent = "Computing";
    try {
      await predict(file, shown);
      done += 1;
    } catch (problem) {
      fail(shown, problem.message);
      failed += 1;
    }
    busy = false;
    tell();
  }
}

function fail(shown, reason) {
  find(shown, ".wait").hidden = true;
  const line = element("p", reason, "problem");
  line.setAttribute("role", "alert");
  shown.append(line);
}

async function predict(file, shown) {
  if (model.limits.bytes && file.size > model.limits.bytes - 1000) {
    throw new Error(`Too large: ${(file.size / 1e6).toFixed(1)} MB, ` +
      `at most ${(model.limits.bytes / 1e6).toFixed(0)} MB are taken.`);
  }
  await readable(file);
  const form = new FormData();
  form.append("images", file);
  const [result] = (await ask("/api/predict?preview=1", form)).images;
  find(shown, ".wait").hidden = true;
  find(shown, ".body").hidden = false;
  const picture = find(shown, ".picture");
  picture.src = `data:image/jpeg;base64,${result.preview}`;
  picture.alt = `${result.name}: ${result.predicted}`;
  const notes = [`${result.width} × ${result.height} pixels`, result.note].filter(Boolean);
  find(shown, "figcaption").textContent = notes.join(", ");
  for (const text of result.warnings) find(shown, ".warnings").append(element("li", text));
  bars(find(shown, ".bars"), result.probabilities);
  uncalibrated(find(shown, ".own"), result.probabilities);
  await explanations(file, shown, result);
}

function bars(list, ranked) {
  for (const entry of ranked) {
    const line = element("li");
    const track = element("div", undefined, "track");
    const bar = element("span");
    bar.style.width = percent(entry.probability, 2);
    track.append(bar);
    line.append(element("span", entry.class), element("span", percent(entry.probability), "value"), track);
    list.append(line);
  }
}

// The network's own probabilities, where calibration changes what is shown.
function uncalibrated(place, ranked) {
  place.hidden = ranked.every((entry) => percent(entry.uncalibrated) === percent(entry.probability));
  for (const entry of ranked) row(find(place, "dl"), entry.class, percent(entry.uncalibrated));
}

function explanations(file, shown, result) {
  const controls = find(shown, ".controls");
  controls.hidden = !model.explanations.length;
  if (controls.hidden) return;
  const overlay = find(shown, ".overlay");
  const slider = find(shown, ".opacity input");
  const select = find(shown, "select");
  for (const entry of result.probabilities) select.append(new Option(entry.class, entry.class));
  const fade = () => { overlay.style.opacity = slider.value / 100; };
  slider.addEventListener("input", fade);
  fade();
  const buttons = model.explanations.map((method) => {
    const button = element("button", TITLES[method] || method);
    button.type = "button";
    button.dataset.method = method;
    button.setAttribute("aria-pressed", "false");
    find(shown, ".methods").append(button);
    return button;
  });
  // Nothing is disabled meanwhile, or the keyboard would lose its place.
  let busy = false;
  const show = async (chosen) => {
    if (busy) return;
    busy = true;
    const asked = select.value;
    for (const button of buttons) {
      button.setAttribute("aria-disabled", "true");
      button.setAttribute("aria-pressed", String(button === chosen));
    }
    const note = find(shown, ".small");
    const again = chosen.textContent;
    note.textContent = `Computing ${again}` + (chosen.dataset.method === "lime" ? ", which can take a minute." : ".");
    try {
      const form = new FormData();
      form.append("image", file);
      form.append("method", chosen.dataset.method);
      form.append("class", asked);
      await readable(file);
      const request = () => ask("/api/explain", form);
      const found = await (chosen.dataset.method === "lime" ? inTurn(request) : request());
      overlay.src = `data:image/png;base64,${found.overlay}`;
      overlay.alt = `${found.method} of ${found.class}`;
      overlay.hidden = false;
      legend(find(shown, ".legend"), chosen.dataset.method);
      const source = Object.entries(found.source)
        .filter(([, value]) => ["string", "number", "boolean"].includes(typeof value))
        .map(([key, value]) => `${key}: ${value}`);
      note.textContent = [`${found.method} of ${found.class}.`, found.note, source.join(", ")].filter(Boolean).join(" ");
    } catch (problem) {
      overlay.hidden = true;
      find(shown, ".legend").hidden = true;
      chosen.setAttribute("aria-pressed", "false");
      note.textContent = `No explanation: ${problem.message}`;
    }
    for (const button of buttons) button.removeAttribute("aria-disabled");
    busy = false;
    if (select.value !== asked) await show(chosen);
  };
  buttons.forEach((button) => button.addEventListener("click", () => {
    if (busy) return;
    if (button.getAttribute("aria-pressed") === "true" && !overlay.hidden) {
      overlay.hidden = true;
      find(shown, ".legend").hidden = true;
      button.setAttribute("aria-pressed", "false");
    } else show(button);
  }));
  select.addEventListener("change", () => {
    show(buttons.find((button) => button.getAttribute("aria-pressed") === "true") || buttons[0]);
  });
  return show(buttons[0]);
}

function legend(place, method) {
  place.hidden = false;
  place.replaceChildren();
  if (method === "lime") {
    place.append(element("span", undefined, "key for"), "speaks for the class",
      element("span", undefined, "key against"), "against it");
  } else {
    place.append("less to more important", element("span", undefined, "scale"));
  }
}

function row(list, name, value) {
  if (value === undefined || value === null || value === "") return;
  list.append(element("dt", name), element("dd", String(value)));
}

// A score with its interval: "97.7% (95.5–99.2)"; "–" for what is not known.
function scored(entry, name) {
  if (entry[name] === null) return "–";
  const interval = entry[`${name}_interval`];
  const bounds = interval ? interval.map((value) => (100 * value).toFixed(1)).join("–") : "–";
  return `${percent(entry[name])} (${bounds})`;
}

function card() {
  const place = document.getElementById("about");
  place.replaceChildren();
  const list = element("dl");
  const settings = model.training.settings;
  row(list, "Network", model.name);
  row(list, "Run", model.run);
  row(list, "Classes", model.classes.join(", "));
  row(list, "Input", `${model.input.pixels} × ${model.input.pixels} pixels, scaling ${model.input.scaling}`);
  row(list, "Starting weights", model.training.weights);
  row(list, "Epochs", settings.epochs);
  row(list, "Seed", settings.seed);
  const data = model.training.data;
  if (data.sets) row(list, "Training data", `${data.sets.join(", ")}: ${data.pictures} pictures. ${data.audit}`);
  row(list, "Hardware", model.training.environment.hardware);
  const metrics = model.metrics;
  if (metrics) {
    row(list, "Test accuracy", `${scored(metrics, "accuracy")} of ${metrics.pictures} pictures`);
    row(list, "Test macro F1", scored(metrics, "f1_macro"));
    row(list, "In brackets", `intervals, ${metrics.intervals}`);
  } else row(list, "Metrics", "not available");
  const fit = model.calibration;
  if (fit && fit.validation) {
    row(list, "Calibration", `temperature ${fit.temperature.toFixed(2)}, fitted on ${fit.validation} validation pictures`);
    if (fit.error_after !== null) {
      row(list, "Calibration error", `${percent(fit.error_before)} before, ${percent(fit.error_after)} after, on the test part`);
    }
  } else row(list, "Calibration", "none: probabilities are the network's own");
  row(list, "Warnings", model.warnings.reason || "pictures are compared with the training pictures");
  row(list, "Software", `version ${model.version}`);
  place.append(list);
  if (metrics) {
    const table = element("table");
    const head = table.createTHead().insertRow();
    for (const name of ["Class", "Precision", "Recall", "F1", "Pictures"]) head.append(element("th", name));
    const body = table.createTBody();
    for (const entry of metrics.classes) {
      const line = body.insertRow();
      const scores = ["precision", "recall", "f1"].map((name) => scored(entry, name));
      for (const value of [entry.class, ...scores, entry.support]) {
        line.insertCell().textContent = value;
      }
    }
    const wide = element("div", undefined, "wide");
    wide.append(table);
    place.append(wide);
  }
  if (model.card) place.append(element("h3", "The run's own card"), element("pre", model.card));
}

function start() {
  const input = document.getElementById("files");
  const drop = document.getElementById("drop");
  input.addEventListener("change", () => { add([...input.files]); input.value = ""; });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    add([...event.dataTransfer.files]);
  });
  const asked = ask("/api/model");
  known = asked.then((found) => { model = found; }, () => {});
  asked.then(() => {
    document.getElementById("subtitle").textContent = `${model.name}: ${model.classes.join(", ")}.`;
    document.getElementById("limits").textContent = "PNG, JPEG, TIFF, BMP, WebP or GIF, each up to " +
      `${(model.limits.bytes / 1e6).toFixed(0)} MB and ${(model.limits.pixels / 1e6).toFixed(0)} million pixels`;
    card();
  }, (problem) => {
    document.getElementById("about").replaceChildren(element("p", problem.message, "problem"));
  });
}

start();
