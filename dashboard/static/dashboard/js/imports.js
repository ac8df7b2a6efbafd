/** The import page: upload what is dropped or chosen, with its progress; ask how reading goes while it goes. */
import { fill, stamp } from "./keyed.js";
import { define } from "./keyed_swap.js";

const EVERY_MS = 1000;

/**
 * Send one file as the whole body of a request.
 *
 * @param {HTMLFormElement} form
 * @param {File} file
 * @param {HTMLElement} item where its progress is shown
 */
function upload(form, file, item) {
  const request = new XMLHttpRequest();
  const bar = item.querySelector("progress");
  fill(item, { name: file.name, state: "0 %" });
  request.upload.onprogress = (event) => {
    const share = event.total ? event.loaded / event.total : 0;
    if (bar) bar.value = share;
    fill(item, { state: share < 1 ? `${Math.floor(share * 100)} %` : "being kept" });
  };
  request.onload = () => {
    if (request.status === 201) {
      item.remove();
      refresh();
    } else fail(item, problemOf(request));
  };
  request.onerror = () => fail(item, "The connection broke. Drop the file again.");
  request.open("POST", `${form.action}?name=${encodeURIComponent(file.name)}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  const token = form.querySelector("[name=csrfmiddlewaretoken]");
  if (token instanceof HTMLInputElement) request.setRequestHeader("X-CSRFToken", token.value);
  request.send(file);
}

/** @param {XMLHttpRequest} request */
function problemOf(request) {
  try {
    return JSON.parse(request.responseText).problem;
  } catch {
    return `The server answered ${request.status}. Try again, or look into its log.`;
  }
}

/** @param {HTMLElement} item @param {string} problem */
function fail(item, problem) {
  item.className = "failed";
  fill(item, { state: problem });
}

const form = document.getElementById("drop");
const uploads = document.getElementById("uploads");

/** @param {FileList|null|undefined} files */
function take(files) {
  for (const file of files ?? []) {
    const item = stamp("upload-item");
    uploads?.append(item);
    if (form instanceof HTMLFormElement) upload(form, file, item);
  }
}

function refresh() {
  document.getElementById("rows")?.dispatchEvent(new CustomEvent("offhook:changed"));
}

form?.addEventListener("dragover", (event) => {
  event.preventDefault();
  form.classList.add("over");
});
form?.addEventListener("dragleave", () => form.classList.remove("over"));
form?.addEventListener("drop", (event) => {
  event.preventDefault();
  form.classList.remove("over");
  take(event.dataTransfer?.files);
});
form?.addEventListener("change", (event) => {
  if (event.target instanceof HTMLInputElement) {
    take(event.target.files);
    event.target.value = "";
  }
});

document.addEventListener("submit", (event) => {
  const question = event.target instanceof HTMLFormElement ? event.target.dataset.confirm : undefined;
  if (question && !window.confirm(question)) event.preventDefault();
});

define();
setInterval(() => {
  if (document.querySelector("#rows [data-busy]") && !document.hidden) refresh();
}, EVERY_MS);
