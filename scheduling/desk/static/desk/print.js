"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("print-now");
  button.hidden = false;
  button.addEventListener("click", () => window.print());
});
