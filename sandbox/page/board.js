// Puts what the server draws into the page, and tells it what is pressed. Nothing is drawn here but what only the
// browser knows: completion, chosen files, chosen search results, the question before a dangerous button.

const TEMPLATE = `
<div class="sandbox" v-once>
  <a class="skip" href="#list" data-skip></a>
  <header id="topbar"></header>
  <nav id="sidebar"></nav>
  <section id="main">
    <div id="notice"></div>
    <div id="head"></div>
    <div id="list" role="log" tabindex="0"></div>
    <div id="home" tabindex="0"></div>
    <button id="newest" class="btn small" type="button" data-do="to-end" hidden></button>
    <div id="composer"></div>
  </section>
  <aside id="thread" hidden>
    <div id="thread-head"></div>
    <div id="thread-list" role="log" tabindex="0"></div>
    <div id="thread-composer"></div>
  </aside>
  <div id="shade" data-do="drawer"></div>
  <div id="menus"></div>
  <div id="dialogs"></div>
  <div id="toasts" role="status" aria-live="polite" popover="manual"></div>
</div>`;

const drafts = new Map(); // what was typed into composers, by their key
const waiting = new Map(); // token -> what to do when the server is done
let tokens = 0;
let board = null;
let state = {};
let typingTimer = null;
let menuFor = null;
let following = ""; // the list in which one has just written: its next message is shown
const ended = new Set(); // the lists that are scrolled to their end, and stay there whatever takes room from them

const byId = (id) => document.getElementById(id);

// -- putting HTML into the page ---------------------------------------------------------------------------------------

const OURS = new Set(["aria-expanded", "aria-activedescendant", "open", "data-busy", "aria-busy", "data-leaves", "disabled", "data-chosen"]);
const TYPED = new Set(["value", "checked", "selected"]);

function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

const keyOf = (node) => (node.nodeType === 1 ? node.dataset.key || node.id || null : null);

function morph(from, to) {
  if (from.hasAttribute("data-own")) return;
  const control = from.matches("input, option, select, textarea");
  const skip = (name) => OURS.has(name) || (control && TYPED.has(name)) || (name === "style" && from.popover);
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && !skip(name)) from.removeAttribute(name);
  for (const { name, value } of [...to.attributes]) {
    if (!skip(name) && from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  if (from.tagName !== "TEXTAREA") morphChildren(from, to);
}

function morphChildren(from, to) {
  const keyed = new Map();
  for (const child of from.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const key = keyOf(wanted);
    let match = null;
    if (key) {
      match = keyed.get(key) || null;
      if (match && match.nodeName !== wanted.nodeName) match = null;
      keyed.delete(key);
    } else {
      let next = at;
      while (next && (keyOf(next) || next.nodeName !== wanted.nodeName)) next = next.nextSibling;
      match = next;
    }
    if (match === null) {
      from.insertBefore(wanted, at);
      continue;
    }
    if (match === at) at = at.nextSibling;
    else from.insertBefore(match, at);
    if (match.nodeType === 1) morph(match, wanted);
    else if (match.data !== wanted.data) match.data = wanted.data;
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function putList(container, { order, items, fresh }) {
  const known = new Map([...container.children].map((node) => [keyOf(node), node]));
  const nodes = order.map((key) => {
    let node = known.get(key);
    if (items[key] !== undefined) {
      const drawn = fragment(items[key]).firstElementChild;
      if (node && !fresh && node.nodeName === drawn.nodeName) morph(node, drawn);
      else {
        node?.remove();
        node = drawn;
      }
    }
    known.delete(key);
    return node;
  });
  for (const gone of known.values()) gone.remove();
  let at = container.firstChild;
  for (const node of nodes) {
    if (node === at) at = at.nextSibling;
    else container.insertBefore(node, at);
  }
}

const belowIn = (list) => list.scrollHeight - list.scrollTop - list.clientHeight;

function toEnd(list) {
  list.scrollTop = list.scrollHeight;
  lookForEnd(list);
}

function lookForEnd(list) {
  const atEnd = belowIn(list) < 60;
  ended[atEnd ? "add" : "delete"](list);
  if (atEnd && list.id === "list") byId("newest").hidden = true;
}

function stayAtEnd(list) {
  const stay = () => ended.has(list) && toEnd(list);
  new ResizeObserver(stay).observe(list);
  list.addEventListener("load", stay, true); // pictures
  list.addEventListener("scroll", () => lookForEnd(list));
  for (const kind of ["wheel", "touchmove", "keydown"]) {
    list.addEventListener(kind, () => (following = ""), { passive: true });
  }
}

function keepScroll(list, fresh, change) {
  const atEnd = fresh || belowIn(list) < 60;
  const anchor = [...list.children].find((n) => n.offsetTop + n.offsetHeight > list.scrollTop + list.offsetTop);
  const top = anchor?.offsetTop;
  const last = list.lastElementChild;
  change();
  const answered = following === list.id && list.lastElementChild !== last;
  if (answered) following = "";
  if (atEnd || answered) {
    toEnd(list);
    const news = fresh && list.querySelector(":scope > [data-key=new]");
    if (news && news.offsetTop < list.scrollTop + list.offsetTop) list.scrollTop = news.offsetTop - list.offsetTop - 8;
  } else {
    if (anchor?.isConnected) list.scrollTop += anchor.offsetTop - top;
    if (list.id === "list" && list.lastElementChild !== last) byId("newest").hidden = false;
  }
  lookForEnd(list);
}

// -- where the keyboard is --------------------------------------------------------------------------------------------

const FOCUSABLE = "a[href], button, input, select, textarea, summary";
const openers = new Map(); // a form's key -> finds what had the focus when it opened
const scrolled = new WeakMap(); // how far down a form was when another one came above it

function focusOn(node, scroll = false) {
  node?.focus({ preventScroll: !scroll });
  return Boolean(node) && document.activeElement === node;
}

const focusIsLost = () => !document.activeElement || document.activeElement === document.body;

// Before something is drawn: what has the focus, what like it there is, and what stands before it.
function whereFocusIs() {
  // A button that sends is disabled meanwhile, and loses the focus by that.
  const active = focusIsLost() ? document.querySelector("dialog[open] [type=submit]:disabled") : document.activeElement;
  const place = active?.closest(".inside, .content, dialog, #main > *, .sandbox > *");
  if (!place) return null;
  const controls = [...place.querySelectorAll(FOCUSABLE)];
  const id = active.closest("[data-action-id]")?.dataset.actionId;
  const like = () => (id ? [...place.querySelectorAll(`[data-action-id="${CSS.escape(id)}"]`)] : []);
  const number = like().findIndex((node) => node.contains(active));
  const earlier = controls.slice(0, controls.indexOf(active)).reverse();
  return { active, place, dialog: active.closest("dialog"), like: () => like()[number], earlier };
}

// When it is gone: on what took its place, else on what comes next there.
function keepFocus(was) {
  if (!was || !focusIsLost() || was.active.disabled || focusOn(was.active)) return;
  const again = was.like();
  const controls = [...was.place.querySelectorAll(FOCUSABLE)];
  const before = was.earlier.find((node) => controls.includes(node));
  const next = controls.slice(controls.indexOf(before) + 1);
  if ([again, again?.querySelector(FOCUSABLE), ...next, before].some((node) => focusOn(node, true))) return;
  const dialog = document.querySelector("dialog[open]");
  if (dialog) begin(dialog);
  else rest();
}

function remembered(element) {
  const message = element.closest("[data-ts]")?.dataset;
  const { key, actionId } = element.dataset;
  const again = key
    ? `[data-key="${CSS.escape(key)}"]`
    : message && actionId && `[data-ts="${CSS.escape(message.ts)}"] [data-action-id="${CSS.escape(actionId)}"]`;
  return () => (element.isConnected ? element : again && document.querySelector(again));
}

// Where one goes on when nothing else is left. On a phone the composer would bring its keyboard along.
function rest() {
  const composer = matchMedia("(pointer: coarse)").matches ? null : document.querySelector("#composer textarea");
  return [composer, byId("list"), byId("home")].some((node) => focusOn(node));
}

// A form that is new to the person begins at its top.
function begin(dialog) {
  const first = dialog.querySelector(".inside :is(input, textarea, select, button.choose)");
  dialog.querySelector(".inside")?.scrollTo(0, 0);
  if (focusOn(dialog.querySelector(".inside [autofocus]"), true)) return;
  [first, dialog.querySelector(".bottom [type=submit]"), dialog.querySelector(".bottom button")].some((node) => focusOn(node));
}

function showWrong(wrong) {
  focusOn(wrong.matches("div") ? wrong.querySelector("input") : wrong);
  wrong.closest(".bk").scrollIntoView({ block: "nearest" });
}

// -- fields -----------------------------------------------------------------------------------------------------------

function read(field) {
  const kind = field.dataset.kind;
  if (kind === "radio_buttons") return field.querySelector("input:checked")?.value ?? "";
  if (kind === "checkboxes" || (kind.startsWith("multi_") && kind !== "multi_external_select"))
    return [...field.querySelectorAll("input:checked")].map((box) => box.value);
  if (kind === "file_input" || kind === "multi_external_select")
    return [...field.querySelectorAll(".chips > li[data-value]")].map((chip) => chip.dataset.value);
  if (kind === "external_select") return field.querySelector(".chips > li")?.dataset.value ?? "";
  return field.value;
}

function valuesIn(container) {
  const values = {};
  for (const field of container.querySelectorAll("[data-field]")) {
    (values[field.dataset.blockId] ??= {})[field.dataset.actionId] = read(field);
  }
  return values;
}

// Where something stands: in a form or Home (with all that is typed there), or in a message.
function placeOf(element) {
  const view = element.closest("[data-view]");
  if (view) return { view: view.dataset.view, values: valuesIn(view) };
  const message = element.closest("[data-ts]");
  return message ? { channel: message.dataset.channel, ts: message.dataset.ts } : {};
}

function fire(field, given = read(field)) {
  if (given === "" && field.matches("select") && !field.closest("[data-view]")) return;
  ask(field, () =>
    act(
      { do: "action", action_id: field.dataset.actionId, block_id: field.dataset.blockId, given, label: nameOf(field), ...placeOf(field) },
      field.matches("button, a") ? field : null,
    ),
  );
}

function changed(field) {
  summarise(field);
  const view = field.closest("[data-view]");
  if (field.dataset.fire === "change" || (!view && field.dataset.fire !== "typing")) fire(field);
  else if (view) act({ do: "typed", ...placeOf(field) });
}

function summarise(field) {
  const summary = field.querySelector?.(".summary");
  if (!summary) return;
  const labels = [...field.querySelectorAll("input:checked")].map((box) => box.parentElement.textContent.trim());
  summary.textContent = labels.join(", ") || summary.dataset.placeholder;
}

function addChip(field, value, label) {
  const chip = document.createElement("li");
  chip.dataset.value = value;
  chip.textContent = label;
  field.querySelector(".chips").append(chip);
  finishChip(field, chip);
}

function finishChip(field, chip) {
  if (chip.querySelector("button")) return;
  const remove = document.createElement("button");
  remove.type = "button";
  remove.textContent = "✕";
  remove.setAttribute("aria-label", field.dataset.remove.replace("{name}", chip.textContent));
  remove.addEventListener("click", () => {
    chip.remove();
    field.querySelector("input")?.focus();
    changed(field);
  });
  chip.append(remove);
}

async function upload(field, input) {
  for (const file of [...input.files]) {
    const query = new URLSearchParams({ as: state.as, name: file.name });
    const headers = { "X-Sandbox": "page", "Content-Type": file.type || "application/octet-stream" };
    field.dataset.busy = "1";
    try {
      const reply = await fetch(`page/files?${query}`, { method: "POST", body: file, headers });
      if (!reply.ok) throw new Error(reply.status);
      const { id, name } = await reply.json();
      if (!input.multiple) field.querySelector(".chips").replaceChildren();
      addChip(field, id, name);
    } catch {
      act({ do: "upload-failed" });
    }
    delete field.dataset.busy;
  }
  input.value = "";
  changed(field);
}

// -- selects whose options the app finds ------------------------------------------------------------------------------

function suggest(field, input, delay = 150) {
  clearTimeout(typingTimer);
  const given = input.value;
  if (given.length < Number(field.dataset.least)) return hideFound(field);
  typingTimer = setTimeout(() => {
    act({
      do: "suggest", given, field: field.dataset.key, action_id: field.dataset.actionId, ...placeOf(field),
    });
  }, delay);
}

// As in Slack, a click or the arrow opens it with what there is already.
function openFound(field) {
  if (field.querySelector(".found").hidden) suggest(field, field.querySelector("input"), 0);
}

function hideFound(field) {
  const input = field.querySelector("input");
  field.querySelector(".found").hidden = true;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function showFound(key, given, options) {
  const field = [...document.querySelectorAll(".external")].find((node) => node.dataset.key === key);
  const input = field?.querySelector("input");
  if (document.activeElement !== input || input?.value !== given) return; // left, or typed on
  const found = field.querySelector(".found");
  input.removeAttribute("aria-activedescendant");
  found.replaceChildren(
    ...options.map(({ value, label }, i) => {
      const item = document.createElement("li");
      item.id = `${found.id}-${i}`;
      item.setAttribute("role", "option");
      item.dataset.value = value;
      item.textContent = label;
      item.addEventListener("click", () => choose(field, item));
      return item;
    }),
  );
  if (!options.length) {
    const none = document.createElement("li");
    none.className = "none";
    none.textContent = field.dataset.nothing;
    found.append(none);
  }
  found.hidden = false;
  found.scrollTop = 0;
  found.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-expanded", "true");
}

function choose(field, item) {
  const input = field.querySelector("input");
  if (!field.hasAttribute("data-several")) field.querySelector(".chips").replaceChildren();
  addChip(field, item.dataset.value, item.textContent);
  input.value = "";
  hideFound(field);
  changed(field);
}

function moveIn(list, by) {
  const items = [...list.querySelectorAll("[role=option]")];
  const now = items.findIndex((item) => item.getAttribute("aria-selected") === "true");
  const next = items[(Math.max(now, by < 0 ? 0 : -1) + by + items.length) % items.length];
  for (const item of items) item.setAttribute("aria-selected", String(item === next));
  next?.scrollIntoView({ block: "nearest" });
  return next;
}

// -- telling the server -----------------------------------------------------------------------------------------------

function act(what, busy = null, then = null) {
  const token = ++tokens;
  if (busy) {
    busy.dataset.busy = "1";
    busy.setAttribute("aria-busy", "true");
  }
  waiting.set(token, (well) => {
    if (busy) {
      delete busy.dataset.busy;
      busy.removeAttribute("aria-busy");
    }
    then?.(well);
    if (busy?.dataset.leaves && busy.isConnected) {
      delete busy.dataset.leaves;
      leave(busy);
    }
  });
  board.$emit("act", { ...what, token });
}

function leave(dialog) {
  act({ do: "cancel", view: dialog.dataset.view, label: nameOf(dialog) }, dialog);
}

// The app's own question before something dangerous.
function ask(element, yes) {
  if (!element.dataset.confirm) return yes();
  const { title, html, confirm, deny, style } = JSON.parse(element.dataset.confirm);
  const dialog = document.createElement("dialog");
  dialog.className = "form confirm";
  dialog.setAttribute("aria-label", title);
  dialog.innerHTML = `<div class="top"><h2></h2></div><div class="inside text">${html}</div>
    <div class="bottom"><button type="button" class="btn no"></button><button type="button" class="btn yes"></button></div>`;
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector(".no").textContent = deny;
  dialog.querySelector(".yes").textContent = confirm;
  dialog.querySelector(".yes").classList.add(style === "danger" ? "danger" : "primary");
  dialog.querySelector(".no").addEventListener("click", () => dialog.close());
  dialog.querySelector(".yes").addEventListener("click", () => {
    dialog.close();
    yes();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.querySelector(".sandbox").append(dialog);
  dialog.showModal();
  dialog.querySelector(".yes").focus();
}

// The forms that were sent and are not answered yet, with what they showed: what they show then begins at its top, once.
const sent = new WeakMap();

function submitForm(form) {
  const dialog = form.closest("[data-view]");
  if (dialog.dataset.busy) return;
  const button = dialog.querySelector("button[type=submit]");
  if (!button) return;
  button.disabled = true;
  sent.set(dialog, dialog.dataset.hash);
  act({ do: "submit", label: dialog.getAttribute("aria-label"), ...placeOf(dialog) }, dialog, () => {
    button.disabled = false;
    const begun = sent.get(dialog);
    sent.delete(dialog);
    if (!dialog.open) return;
    const wrong = dialog.querySelector("[aria-invalid=true]");
    if (wrong) showWrong(wrong);
    else if (dialog.dataset.hash !== begun) begin(dialog);
    else if (focusIsLost()) focusOn(button);
  });
}

// -- the composer -----------------------------------------------------------------------------------------------------

function grow(text) {
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight + 2, 220)}px`;
}

function completion(text) {
  const form = text.closest(".composer");
  const list = form.querySelector(".completion");
  const before = text.value.slice(0, text.selectionStart);
  const mention = before.match(/(?:^|\s)(@[\w-]*)$/);
  let choices = [];
  if (/^\/\S*$/.test(before)) choices = JSON.parse(form.dataset.commands).filter((c) => c.insert.startsWith(before));
  else if (mention) {
    const typed = mention[1].toLowerCase();
    choices = JSON.parse(form.dataset.people).filter(
      (p) => p.insert.startsWith(typed) || p.hint.toLowerCase().includes(typed.slice(1)),
    );
  }
  list.hidden = !choices.length;
  list.replaceChildren(
    ...choices.slice(0, 8).map((choice, i) => {
      const item = document.createElement("li");
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(i === 0));
      item.dataset.insert = choice.insert;
      for (const [name, value] of [["b", choice.insert], ["span", choice.hint], ["small", choice.about]]) {
        const part = document.createElement(name);
        part.textContent = value;
        item.append(part, " ");
      }
      item.addEventListener("mousedown", (event) => {
        event.preventDefault();
        complete(text, item.dataset.insert);
      });
      return item;
    }),
  );
}

function complete(text, insert) {
  const end = text.selectionStart;
  const start = text.value.slice(0, end).search(/[/@][\w-]*$/);
  text.setRangeText(`${insert} `, start, end, "end");
  text.closest(".composer").querySelector(".completion").hidden = true;
  text.focus();
  keepDraft(text);
}

function keepDraft(text) {
  drafts.set(text.dataset.key, text.value);
  grow(text);
}

function send(form) {
  const text = form.querySelector("textarea");
  const value = text.value;
  if (!value.trim()) return;
  text.value = "";
  keepDraft(text);
  form.querySelector(".completion").hidden = true;
  following = form.dataset.thread ? "thread-list" : "list";
  act({ do: "send", text: value, channel: form.dataset.channel, thread: form.dataset.thread || "" }, null, (well) => {
    if (!well || document.querySelector("dialog[open]")) following = ""; // refused, or answered with a form
    if (!well && !text.value) {
      text.value = value;
      keepDraft(text);
    }
  });
}

function typingKeys(event) {
  const text = event.target;
  const list = text.closest(".composer").querySelector(".completion");
  const chosen = list.hidden ? null : list.querySelector("[aria-selected=true]");
  if (event.isComposing) return;
  if (chosen && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    moveIn(list, event.key === "ArrowDown" ? 1 : -1);
  } else if (chosen && event.key === "Escape") {
    event.preventDefault();
    list.hidden = true;
  } else if (chosen && (event.key === "Tab" || event.key === "Enter") && !event.shiftKey) {
    const whole = text.value.slice(0, text.selectionStart).endsWith(chosen.dataset.insert);
    if (event.key === "Enter" && whole) {
      event.preventDefault();
      send(text.closest(".composer"));
    } else {
      event.preventDefault();
      complete(text, chosen.dataset.insert);
    }
  } else if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    send(text.closest(".composer"));
  }
}

// -- pressing ---------------------------------------------------------------------------------------------------------

function drawer(on) {
  document.querySelector(".sandbox").classList.toggle("drawn", on);
  document.querySelector(".drawer")?.setAttribute("aria-expanded", String(on));
}

const HERE = {
  drawer() {
    drawer(!document.querySelector(".sandbox").classList.contains("drawn"));
  },
  "to-end"() {
    toEnd(byId("list"));
    byId("list").focus();
  },
  follow() {},
  action(element, event) {
    if (element.tagName !== "A") event.preventDefault();
    fire(element, element.dataset.given ?? null);
    element.closest("[popover]")?.hidePopover();
  },
  "message-menu"(element) {
    const menu = byId("message-menu");
    const message = element.closest("[data-ts]");
    menuFor = { channel: message.dataset.channel, ts: message.dataset.ts };
    for (const item of menu.querySelectorAll("[data-when]"))
      item.hidden = (item.dataset.when === "pinned") !== (element.dataset.pinned === "true");
    menu.showPopover();
    placePopover(menu, element);
    menu.querySelector("[data-do=thread]")?.focus();
  },
  cancel(element) {
    const dialog = element.closest("[data-view]");
    act({ do: "cancel", view: dialog.dataset.view, all: element.dataset.all || "", label: nameOf(element) }, dialog);
  },
};

function press(event) {
  const element = event.target.closest("[data-do]");
  if (!element || element.dataset.busy) return;
  const name = element.dataset.do;
  if (HERE[name]) return HERE[name](element, event);
  event.preventDefault();
  const inMenu = element.closest("#message-menu");
  const { do: _do, key: _key, ...about } = element.dataset;
  const where = inMenu ? menuFor : { ...pick(element.closest("[data-ts]")) };
  element.closest("[popover]")?.hidePopover();
  if (["goto", "home", "direct", "person"].includes(name)) drawer(false);
  const view = element.closest("[data-view]")?.dataset.view;
  act({ ...where, ...snake(about), view, do: name, label: nameOf(element) }, element);
}

const nameOf = (element) => element.getAttribute("aria-label") || element.textContent.trim();
const pick = (message) => (message ? { channel: message.dataset.channel, ts: message.dataset.ts } : {});
const snake = (data) => Object.fromEntries(Object.entries(data).map(([k, v]) => [k.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), v]));

function placePopover(pop, opener) {
  const at = opener.getBoundingClientRect();
  const width = pop.offsetWidth;
  const height = pop.offsetHeight;
  const below = at.bottom + 4 + height <= innerHeight || at.top < height + 4;
  pop.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  pop.style.top = `${below ? Math.min(at.bottom + 4, Math.max(8, innerHeight - height - 8)) : at.top - height - 4}px`;
}

function menuKeys(event) {
  const menu = event.target.closest("[role=menu]");
  if (!menu || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  const items = [...menu.querySelectorAll("[role=menuitem]:not([hidden])")];
  const now = items.indexOf(document.activeElement);
  event.preventDefault();
  items[(now + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length]?.focus();
}

function listen(root) {
  root.addEventListener("click", press);
  root.addEventListener("click", (event) => {
    if (event.target.matches(".external input")) openFound(event.target.closest(".external"));
  });
  root.addEventListener("mousedown", (event) => {
    if (event.target.closest(".found")) event.preventDefault(); // the focus stays in the field, the list open
  });
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.target.matches(".composer")) send(event.target);
    else submitForm(event.target);
  });
  root.addEventListener("keydown", (event) => {
    if (event.target.dataset?.typing !== undefined) return typingKeys(event);
    menuKeys(event);
    const field = event.target.closest?.("[data-field]");
    if (!field) return;
    if (field.matches(".external")) return searchKeys(event, field);
    if (event.key === "Enter" && !event.isComposing && field.dataset.fire === "enter" && field.tagName === "INPUT") {
      event.preventDefault();
      fire(field);
    } else if (event.key === "Enter" && (event.metaKey || event.ctrlKey) && field.tagName === "TEXTAREA") {
      event.preventDefault();
      field.form?.requestSubmit();
    }
  });
  root.addEventListener("input", (event) => {
    const text = event.target;
    if (text.dataset?.typing !== undefined) {
      keepDraft(text);
      return completion(text);
    }
    const field = text.closest("[data-field]");
    if (!field) return;
    if (field.matches(".external")) return suggest(field, text);
    if (field.dataset.fire === "typing") {
      clearTimeout(typingTimer);
      typingTimer = setTimeout(() => fire(field), 300);
    }
  });
  root.addEventListener("change", (event) => {
    const field = event.target.closest("[data-field]");
    if (!field) return;
    if (field.dataset.kind === "file_input") upload(field, event.target);
    else if (!field.matches(".external")) changed(field);
  });
  root.addEventListener("focusout", (event) => {
    if (event.target.dataset?.typing !== undefined) event.target.closest(".composer").querySelector(".completion").hidden = true;
    const field = event.target.closest?.(".external");
    if (field) hideFound(field);
  });
  root.addEventListener(
    "beforetoggle",
    (event) => {
      if (event.newState !== "open" || !event.target.popover) return;
      const opener = root.querySelector(`[popovertarget="${CSS.escape(event.target.id)}"]`);
      if (!opener) return;
      requestAnimationFrame(() => {
        placePopover(event.target, opener);
        if (event.target.role === "menu") event.target.querySelector("[role=menuitem]")?.focus();
      });
    },
    true,
  );
  root.addEventListener("cancel", (event) => {
    const dialog = event.target;
    if (!dialog.matches("dialog")) return;
    if (dialog.dataset.view) {
      event.preventDefault();
      // While an answer is awaited the wish to leave is kept: the form may stay open with a mistake in it.
      if (dialog.dataset.busy) dialog.dataset.leaves = "1";
      else leave(dialog);
    } else if (dialog.dataset.browse) {
      event.preventDefault();
      act({ do: "browse-close" });
    }
  }, true);
  for (const id of ["list", "thread-list"]) stayAtEnd(byId(id));
  document.addEventListener("visibilitychange", () => act({ do: "seen", visible: !document.hidden }));
}

function searchKeys(event, field) {
  const found = field.querySelector(".found");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (found.hidden) return openFound(field);
    const item = moveIn(found, event.key === "ArrowDown" ? 1 : -1);
    if (item) event.target.setAttribute("aria-activedescendant", item.id);
  } else if (event.key === "Enter") {
    event.preventDefault();
    const item = found.querySelector("[aria-selected=true]") || found.querySelector("[role=option]");
    if (!found.hidden && item) choose(field, item);
  } else if (event.key === "Escape" && !found.hidden) {
    event.preventDefault();
    event.stopPropagation();
    hideFound(field);
  }
}

// -- what the server asks for -----------------------------------------------------------------------------------------

function isAnother(dialog, callbacks) {
  if (!callbacks.has(dialog) || dialog.querySelector("[aria-invalid=true]")) return false;
  if (sent.has(dialog) && sent.get(dialog) !== dialog.dataset.hash) return true;
  return callbacks.get(dialog) !== dialog.dataset.callbackId;
}

function showDialogs(was, callbacks) {
  const dialogs = [...byId("dialogs").querySelectorAll(":scope > dialog")];
  const gone = [...openers.keys()].filter((key) => !dialogs.some((dialog) => keyOf(dialog) === key));
  const back = openers.get(gone[0]);
  for (const key of gone) openers.delete(key);
  dialogs.forEach((dialog, i) => {
    const top = i === dialogs.length - 1;
    const inside = dialog.querySelector(".inside");
    const known = openers.has(keyOf(dialog));
    if (!known) openers.set(keyOf(dialog), was?.dialog?.isConnected === false ? back : was && remembered(was.active));
    if (!top && dialog.open) {
      scrolled.set(dialog, inside.scrollTop);
      dialog.close();
    }
    if (!top) return;
    if (!dialog.open) {
      dialog.showModal();
      if (!known) begin(dialog);
      else {
        if (!dialog.contains(back?.()) || !focusOn(back())) begin(dialog);
        inside.scrollTop = scrolled.get(dialog) ?? 0;
      }
    } else if (isAnother(dialog, callbacks)) {
      if (sent.has(dialog)) sent.set(dialog, dialog.dataset.hash);
      begin(dialog);
    }
  });
  for (const chip of document.querySelectorAll(".chips > li")) finishChip(chip.closest("[data-field]"), chip);
  if (gone.length && !dialogs.length && focusIsLost() && !focusOn(back?.())) rest();
}

function showState(now) {
  const place = `${now.as} ${now.at}`;
  const moved = place !== `${state.as} ${state.at}`;
  state = now;
  const root = document.querySelector(".sandbox");
  root.dataset.as = now.as;
  root.dataset.at = now.at;
  document.documentElement.lang = now.language;
  document.title = now.title;
  const home = now.at === "home";
  byId("home").hidden = !home;
  byId("list").hidden = home;
  byId("composer").hidden = home;
  byId("thread").hidden = !now.thread;
  byId("newest").textContent = `↓ ${now.words.newest}`;
  if (moved) {
    byId("newest").hidden = true;
    following = "";
  }
  document.querySelector("[data-skip]").textContent = now.words.skip;
  byId("sidebar").setAttribute("aria-label", now.words.menu);
  byId("list").setAttribute("aria-label", now.words.messages);
  byId("thread").setAttribute("aria-label", now.words.thread);
  byId("thread-list").setAttribute("aria-label", now.words.thread);
  const query = new URLSearchParams({ as: now.as, at: now.at });
  if (now.thread) query.set("thread", now.thread);
  const address = `?${query}`;
  if (location.search !== address) history.replaceState(history.state, "", address);
}

function restoreDrafts() {
  for (const text of document.querySelectorAll("textarea[data-typing]")) {
    if (text.dataset.restored) continue;
    text.dataset.restored = "1";
    text.value = drafts.get(text.dataset.key) || "";
    grow(text);
  }
}

export default {
  template: TEMPLATE,
  mounted() {
    board = this;
    const root = this.$el;
    listen(root);
    const query = new URLSearchParams(location.search);
    let introduced = false;
    try {
      introduced = localStorage.getItem("sandbox-introduced") === "1";
    } catch {
      introduced = false;
    }
    this.$emit("ready", { as: query.get("as") || "", at: query.get("at") || "", thread: query.get("thread") || "", introduced, language: navigator.language });
  },
  methods: {
    patch(patches, now) {
      const fresh = new Set(patches.filter((p) => p.fresh).map((p) => p.region));
      const put = () => {
        for (const patch of patches) {
          const region = byId(patch.region);
          if (patch.region === "list" || patch.region === "thread-list") continue;
          if (patch.order) putList(region, patch);
          else morphChildren(region, fragment(patch.html));
        }
        showState(now);
        restoreDrafts();
        for (const patch of patches) if (patch.region.endsWith("list")) putList(byId(patch.region), patch);
      };
      const was = whereFocusIs();
      const callbacks = new Map([...byId("dialogs").children].map((dialog) => [dialog, dialog.dataset.callbackId]));
      const lists = ["list", "thread-list"];
      const inside = lists.reduceRight((next, id) => () => keepScroll(byId(id), fresh.has(id), next), put);
      inside();
      showDialogs(was, callbacks);
      keepFocus(was);
      document.querySelector(".sandbox").dataset.ready = "1";
    },
    done(token, well) {
      waiting.get(token)?.(well);
      waiting.delete(token);
    },
    suggested: showFound,
    show(ts) {
      const message = document.querySelector(`#list [data-ts="${CSS.escape(ts)}"], #thread-list [data-ts="${CSS.escape(ts)}"]`);
      message?.scrollIntoView({ block: "center" });
      message?.classList.add("shown");
      setTimeout(() => message?.classList.remove("shown"), 2000);
    },
    introduced() {
      try {
        localStorage.setItem("sandbox-introduced", "1");
      } catch {
        // Then it shows again next time.
      }
    },
    toast(text) {
      const toast = document.createElement("div");
      toast.className = "toast";
      toast.textContent = text;
      const toasts = byId("toasts");
      if (toasts.matches(":popover-open")) toasts.hidePopover();
      toasts.append(toast);
      toasts.showPopover(); // above an open form
      toast.addEventListener("click", () => toast.remove());
      setTimeout(() => toast.remove(), 8000);
    },
  },
};
