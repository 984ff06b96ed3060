"use strict";

// A click on a column head sorts: best first, then the other way round, then as it was. Missing values stay last.
function makeSortable(table) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const name = head.querySelector(".name");
    const button = document.createElement("button");
    button.type = "button";
    button.append(...name.childNodes);
    name.append(button);
    head.setAttribute("aria-sort", "none");
    head.addEventListener("click", () => {
      const orders = [head.dataset.first || "ascending"];
      orders.push(orders[0] === "ascending" ? "descending" : "ascending", "none");
      const order = orders[(orders.indexOf(head.getAttribute("aria-sort")) + 1) % 3];
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", order);
      table.classList.toggle("sorted", order !== "none");
      body.append(...(order === "none" ? original : sorted(original, column, order === "ascending" ? 1 : -1)));
    });
  });
}

function sorted(rows, column, sign) {
  const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const missing = (text) => text === "\u2013";
  return [...rows].sort((a, b) => {
    const [left, right] = [key(a), key(b)];
    if (missing(left) || missing(right)) return missing(left) - missing(right);
    return sign * (left - right || String(left).localeCompare(String(right), "en", { numeric: true }));
  });
}

// A click on a picture shows it, all of it, as large as the window allows. Esc or another click closes it.
function makeZoom(pictures) {
  const dialog = document.createElement("dialog");
  dialog.className = "zoom";
  dialog.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  for (const picture of pictures) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "zoomer";
    picture.before(button);
    button.append(picture);
    button.addEventListener("click", () => {
      const large = picture.cloneNode(true);
      large.removeAttribute("id");
      if (large.dataset.whole) large.setAttribute("viewBox", large.dataset.whole);
      const close = document.createElement("button");
      close.type = "button";
      close.textContent = "Close";
      const caption = button.closest("figure").querySelector("figcaption");
      const words = document.createElement("p");
      words.append(...(caption ? caption.cloneNode(true).childNodes : []));
      dialog.replaceChildren(large, words, close);
      dialog.setAttribute("aria-label", picture.getAttribute("aria-label") || picture.alt || "");
      dialog.showModal();
    });
  }
}

document.querySelectorAll("table.sortable").forEach(makeSortable);
makeZoom(document.querySelectorAll(".zoomable > svg, .zoomable > img"));
