// The date of the operation is asked only of protocols that count from one. Without script it is always shown.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const select = document.getElementById("id_version");
  const fields = document.querySelector(".anchor-fields");
  if (!select || !fields) return;
  const anchored = fields.dataset.anchored.split(" ");
  const show = () => { fields.hidden = !anchored.includes(select.value); };
  select.addEventListener("change", show);
  show();
});
