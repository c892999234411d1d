// Copies Monday's times to Tuesday until Friday. Without script the rows are filled by hand.
"use strict";

function copyMonday(table) {
  const days = [...table.querySelectorAll(".weekly-day")];
  const monday = [...days[0].querySelectorAll("input")];
  for (const day of days.slice(1, 5)) {
    day.querySelectorAll("input").forEach((input, index) => {
      input.value = monday[index].value;
    });
  }
}

document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll(".weekly-table")) {
    const button = table.querySelector(".weekly-copy");
    button.hidden = false;
    button.addEventListener("click", () => copyMonday(table));
  }
});
