// The day board's page: what is shown, dragging with the legal times lit, the keyboard, and keeping up to date.
"use strict";

const boardPage = (() => {
  const REFRESH = 60000; // milliseconds
  const { Board, minutesBetween, plusMinutes } = boardCalendar;
  let board, dialog, dragged = null, hint;

  const reload = () => {
    const main = document.querySelector("#board .ec-main");
    sessionStorage.setItem("board-scroll", JSON.stringify([location.search, main?.scrollTop ?? 0, main?.scrollLeft ?? 0, scrollY]));
    location.reload();
  };

  function scrollBack() {
    const [search, top, left, page] = JSON.parse(sessionStorage.getItem("board-scroll") ?? "[]");
    sessionStorage.removeItem("board-scroll");
    const main = document.querySelector("#board .ec-main");
    if (search !== location.search || !main) return;
    main.scrollTo(left, top);
    scrollTo(0, page);
  }

  // Which kinds are shown: kept in this browser, for days and for weeks

  function readKinds() {
    return [...document.querySelectorAll(".board-kinds input:checked")].map((box) => box.value);
  }

  function rememberedAs(data) { return `board-kinds-${data.site}-${data.view}`; }

  function restoreKinds(data) {
    const kept = JSON.parse(localStorage.getItem(rememberedAs(data)) ?? "null");
    if (!kept) return;
    for (const box of document.querySelectorAll(".board-kinds input")) box.checked = kept.includes(box.value);
  }

  function showKinds() {
    const kinds = readKinds();
    board.host.hidden = !kinds.length;
    document.getElementById("board-empty").hidden = kinds.length > 0;
    if (kinds.length) board.show(kinds);
    settleFocus();
  }

  // Dragging

  async function startDrag(props) {
    dragged = { ...props, lit: new Map(), stop: new AbortController() };
    const mine = dragged, { data } = board, last = data.days.at(-1);
    say("Looking for times …");
    const take = (starts, isLast) => {
      if (dragged !== mine || !starts) return;
      const offset = minutesBetween(data.visits[props.visit].start, props.start);
      for (const start of starts) for (const column of start.on) mine.lit.set(`${column} ${plusMinutes(start.at, offset)}`, start);
      draw(mine);
      say(describe(mine, isLast));
    };
    const url = (others) => `${dialog.url("starts", props.visit)}?${new URLSearchParams({ first: data.days[0], last, on: props.column, others })}`;
    const options = { signal: mine.stop.signal };
    take((await dialog.ask(url("no"), options)).starts, false);
    take((await dialog.ask(url("yes"), options)).starts, true);
  }

  function draw(drag) {
    const marks = [...drag.lit].map(([key, start]) => {
      const [column, at] = key.split(" ");
      return [Number(column), at, start.with ? "others" : "alone", start.with ? `+${start.with}` : ""];
    });
    board.light(marks, board.data.grid);
  }

  function describe(drag, isLast) {
    const starts = [...new Map([...drag.lit.values()].map((start) => [start.at, start])).values()];
    const alone = starts.filter((start) => !start.with).length, others = starts.length - alone;
    if (!isLast) return alone ? `${alone} times are free. Looking for more …` : "Looking for more …";
    if (!starts.length) return "No time here keeps the rules of the treatment.";
    return others ? `${alone} times are free, ${others} more if other visits move too.` : `${alone} times are free.`;
  }

  function isLegal(column, at) {
    return Boolean(dragged && (dragged.lit.has(`${column} ${at}`) || (column === dragged.column && at === dragged.start)));
  }

  function stopDrag() {
    // The drop comes right after; it still asks what was lit.
    setTimeout(() => {
      dragged?.stop.abort();
      dragged = null;
      board.dim();
      say("");
    });
  }

  function drop(props, column, at) {
    const start = dragged?.lit.get(`${column} ${at}`);
    const isHome = column === props.column && at === props.start;
    if (start && !isHome) dialog.showMove(props.visit, start.start, column);
  }

  function say(text) {
    hint.textContent = text;
    hint.hidden = !text;
  }

  // The keyboard: one visit takes the focus, the arrows go to its neighbors

  const visits = () => [...board.host.querySelectorAll(".ec-event.visit:not(.ec-preview, .ec-ghost)")];

  function settleFocus() {
    requestAnimationFrame(() => {
      const all = visits();
      if (all.length && !all.some((node) => node.tabIndex === 0)) all[0].tabIndex = 0;
    });
  }

  function go(from, key) {
    const box = from.getBoundingClientRect(), middle = (b) => b.left + b.width / 2;
    const others = visits().filter((node) => node !== from).map((node) => [node, node.getBoundingClientRect()]);
    const isUpright = key === "ArrowUp" || key === "ArrowDown", sign = key === "ArrowUp" || key === "ArrowLeft" ? -1 : 1;
    const ahead = others
      .map(([node, other]) => ({ node, x: middle(other) - middle(box), y: other.top - box.top }))
      .filter(({ x, y }) => (isUpright ? Math.abs(x) < box.width / 2 && sign * y > 0 : sign * x > box.width / 2))
      .sort((a, b) => (isUpright ? Math.abs(a.y) - Math.abs(b.y) : Math.abs(a.x) - Math.abs(b.x) || Math.abs(a.y) - Math.abs(b.y)));
    if (!ahead.length) return;
    const nearest = isUpright ? ahead[0] : ahead.filter(({ x }) => Math.abs(x - ahead[0].x) < 2).sort((a, b) => Math.abs(a.y) - Math.abs(b.y))[0];
    for (const node of visits()) node.tabIndex = -1;
    nearest.node.tabIndex = 0;
    nearest.node.focus();
    nearest.node.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function onKey(event) {
    const node = event.target.closest?.(".ec-event.visit");
    if (!node || !(event.key === " " || event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    if (event.key === " ") dialog.showVisit(Number(node.dataset.visit));
    else go(node, event.key);
  }

  // Keeping up to date: the page is asked for once more, and its rows are taken over

  async function refresh() {
    if (document.hidden || dragged || dialog.isOpen || board.host.contains(document.activeElement)) return;
    try {
      const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
      const found = page.getElementById("board-data");
      if (found && !dragged && !dialog.isOpen) {
        board.refresh(JSON.parse(found.textContent));
        settleFocus();
      }
    } catch {
      // The next minute tries again.
    }
  }

  function listElsewhere(data) {
    const section = document.getElementById("board-elsewhere"), list = section.querySelector("ul");
    for (const pk of data.elsewhere) {
      const visit = data.visits[pk], item = document.createElement("li"), link = dialog.link(visit.patient, "", dialog.url("visit", pk));
      item.append(`${visit.when} `, link, ` ${visit.label}: ${visit.visit}`);
      list.append(item);
    }
    section.hidden = !data.elsewhere.length;
  }

  function begin() {
    const source = document.getElementById("board-data");
    if (!source) return;
    const data = JSON.parse(source.textContent);
    hint = document.getElementById("board-said");
    restoreKinds(data);
    board = new Board(document.getElementById("board"), data, {
      mayDrag: data.mayMove, isLegal, onDragStart: startDrag, onDragStop: stopDrag, onDrop: drop,
      onOpen: (pk) => dialog.showVisit(pk),
    });
    const token = document.querySelector("#board-token input").value;
    dialog = new boardDialog.Dialog(document.getElementById("board-dialog"), board, token);
    document.querySelector(".board-kinds").addEventListener("change", () => {
      localStorage.setItem(rememberedAs(data), JSON.stringify(readKinds()));
      showKinds();
    });
    board.host.addEventListener("keydown", onKey);
    listElsewhere(data);
    showKinds();
    scrollBack();
    setInterval(refresh, REFRESH);
    board.host.dataset.ready = "yes";
  }

  document.addEventListener("DOMContentLoaded", begin);
  return { reload };
})();
