"use strict";

/* Counts the minutes of watching down between two loads of the page; the server has the last word. */
const said = (minutes) => [minutes >= 60 && `${Math.floor(minutes / 60)} h`, (minutes % 60 || minutes < 60) && `${minutes % 60} min`].filter(Boolean).join(" ");

const count = () => {
  for (const line of document.querySelectorAll("[data-until]")) {
    const left = Math.ceil((new Date(line.dataset.until) - Date.now()) / 60000);
    const is_over = left <= 0;
    const [bar, watch] = [line.parentElement.querySelector("progress"), line.closest(".watch")];
    line.querySelector("strong").textContent = is_over ? "Minimum over" : said(left);
    line.querySelector(".tail").textContent = is_over ? "since" : "left, until";
    bar.value = bar.max - Math.max(left, 0);
    watch.classList.toggle("over", is_over);
  }
};

document.addEventListener("DOMContentLoaded", () => {
  count();
  setInterval(count, 15000);
});
