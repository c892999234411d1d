// The board's dialog: a visit with its buttons, the times it could have, what moves with it, and the one click that books.
"use strict";

const boardDialog = (() => {
  const { element, plusMinutes, sayTime, MANY_SEATS } = boardCalendar;
  const LOGGED_OUT = "You are not logged in any more, or the server did not answer. Nothing was changed; please reload the page.";

  class Dialog {
    constructor(node, board, token) {
      Object.assign(this, { node, board, token });
      node.addEventListener("click", (event) => event.target === node && node.close());
      node.addEventListener("close", () => { this.asked = null; });
    }

    get isOpen() { return this.node.open; }

    url(name, pk) { return this.board.data.urls[name].replace("PK", pk); }

    // Puts content into the dialog and opens it; the focus goes to `focus`, else to the first thing that takes it.
    fill(title, nodes, focus) {
      const head = element("div", "dialog-head"), heading = element("h2", "", title);
      heading.id = "board-dialog-title";
      const close = this.button("Close", "plain small", () => this.node.close());
      head.append(heading, close);
      this.node.replaceChildren(head, ...nodes.filter(Boolean));
      if (!this.node.open) this.node.showModal();
      (focus ?? close).focus();
    }

    button(text, look, act) {
      const made = element("button", `button ${look}`, text);
      made.type = "button";
      made.addEventListener("click", act);
      return made;
    }

    link(text, look, href) {
      const made = element("a", look, text);
      made.href = href;
      return made;
    }

    // A visit

    showVisit(pk) {
      const visit = this.board.data.visits[pk], what = element("p", "", `${visit.label}: ${visit.visit}. ${visit.protocol}`);
      const when = element("p");
      when.append(element("strong", "", visit.when), " ", element("span", `badge ${visit.state}`, visit.said));
      const row = element("div", "actions-row");
      let first = null;
      if (this.board.data.mayMove) {
        for (const [act, text] of [["arrived", "Arrived"], ["treated", "Treatment given"], ["completed", "Completed"]]) {
          if (!visit.acts.includes(act)) continue;
          const form = this.actForm(pk, act, text);
          first ??= form.querySelector("button");
          row.append(form);
        }
        if (visit.acts.includes("move")) {
          const move = this.button("Choose another time", "plain", () => this.showTimes(pk, visit.start.slice(0, 10)));
          first ??= move;
          row.append(move);
        }
      }
      const more = this.link("Open the visit", "button plain", this.url("visit", pk));
      row.append(more, this.link("Open the course", "button plain", this.url("course", visit.course)));
      this.fill(visit.patient, [what, when, this.stageList(pk), row], first ?? more);
    }

    stageList(pk) {
      const visit = this.board.data.visits[pk], list = element("ul", "dialog-stages");
      for (const [name, from, , shade] of this.board.data.stages[visit.type] ?? []) {
        const item = element("li");
        item.append(element("span", `swatch ${shade}`), element("span", "nowrap", sayTime(plusMinutes(visit.start, from))), element("span", "", name));
        list.append(item);
      }
      const places = [...new Set(this.board.blocks(pk).map((block) => this.board.columns.get(block[1]).name))];
      if (places.length) list.append(element("li", "quiet", `On ${places.join(", ")}`));
      return list;
    }

    // A plain form: the page comes back with what was done, or why not.
    actForm(pk, act, text) {
      const form = element("form"), send = element("button", "button", text);
      form.method = "post";
      form.action = this.url("act", pk).replace("ACT", act);
      const fields = { csrfmiddlewaretoken: this.token, seen_at: this.board.data.visits[pk].seen, next: location.pathname + location.search };
      for (const [name, value] of Object.entries(fields)) {
        const field = element("input");
        Object.assign(field, { type: "hidden", name, value });
        form.append(field);
      }
      form.append(send);
      return form;
    }

    // Another time, from a list: the way without dragging

    async showTimes(pk, day, on) {
      const visit = this.board.data.visits[pk];
      const block = this.board.blocks(pk).find((found) => this.board.columns.get(found[1]).seats <= MANY_SEATS);
      const wanted = on === undefined ? block?.[1] : on;
      const days = this.dayChooser(pk, day, wanted);
      const where = this.whereChooser(pk, day, block?.[1], wanted);
      const times = element("div", "dialog-times"), wait = element("p", "quiet", "Looking for times …");
      wait.setAttribute("role", "status");
      times.append(wait);
      this.fill(`Another time for ${visit.patient}`, [element("p", "quiet", `Now ${visit.when}.`), days, where, times], days.querySelector("input"));
      const asked = (this.asked = {});
      const found = await this.askStarts(pk, day, day, block?.[1] ?? "");
      if (this.asked !== asked) return;
      times.replaceChildren(...this.timeList(pk, found.filter((start) => !wanted || start.on.includes(wanted)), wanted, day));
    }

    dayChooser(pk, day, on) {
      const row = element("div", "dialog-days"), field = element("input"), label = element("label", "visually-hidden", "Day");
      Object.assign(field, { type: "date", id: "board-times-day", value: day });
      label.htmlFor = field.id;
      field.addEventListener("change", () => field.value && this.showTimes(pk, field.value, on));
      const step = (days) => () => this.showTimes(pk, plusMinutes(`${day}T00:00`, days * 1440).slice(0, 10), on);
      row.append(this.button("Day before", "plain small", step(-1)), label, field, this.button("Day after", "plain small", step(1)));
      return row;
    }

    whereChooser(pk, day, column, wanted) {
      if (!column) return null;
      const kind = this.board.columns.get(column).kind, row = element("p"), label = element("label", "", "On "), list = element("select");
      list.id = "board-times-on";
      label.htmlFor = list.id;
      const options = this.board.data.columns.filter((other) => other.kind === kind);
      list.append(new Option("wherever it fits", "", !wanted, !wanted));
      for (const other of options) list.append(new Option(other.name, other.id, other.id === wanted, other.id === wanted));
      list.addEventListener("change", () => this.showTimes(pk, day, Number(list.value) || 0));
      row.append(label, list);
      return row;
    }

    timeList(pk, starts, on, day) {
      const visit = this.board.data.visits[pk];
      const free = starts.filter((start) => start.at !== visit.start || (on && !this.board.blocks(pk).some((block) => block[1] === on)));
      if (!free.length) return [element("p", "empty", "No time on this day keeps the rules of the treatment. Try the day before or after, or another place.")];
      const form = element("form"), slots = element("fieldset", "dialog-slots"), legend = element("legend", "", free[0].day);
      const next = element("button", "button", "Show what moves");
      slots.append(legend);
      for (const start of free) {
        const slot = element("span", "slot"), field = element("input"), label = element("label", "", start.said);
        Object.assign(field, { type: "radio", name: "start", value: start.start, id: `board-start-${start.at}`, required: true });
        label.htmlFor = field.id;
        if (start.with) label.append(element("span", "quiet", ` +${start.with}`));
        slot.append(field, label);
        slots.append(slot);
      }
      form.append(slots);
      if (free.some((start) => start.with)) form.append(element("p", "quiet small", "+1: one other visit of the course moves too. You see which before anything is booked."));
      form.append(next);
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.showMove(pk, new FormData(form).get("start"), on || "");
      });
      return [form];
    }

    // What moves, and the click that books it

    async showMove(pk, start, on) {
      const visit = this.board.data.visits[pk], wait = element("p", "quiet", "Looking at what moves …");
      wait.setAttribute("role", "status");
      this.fill(visit.patient, [wait]);
      const asked = (this.asked = {});
      const answer = await this.ask(`${this.url("move", pk)}?${new URLSearchParams({ start, on })}`);
      if (this.asked !== asked) return;
      if (answer.refused.length) return this.showRefused(pk, answer.refused, "This does not fit");
      const moves = element("div", "dialog-move"), count = answer.others.length + 1;
      const place = on ? ` on ${this.board.columns.get(Number(on)).name}` : "";
      const main = element("p");
      main.append(element("strong", "", answer.label), " ", element("span", "quiet", `from ${answer.from}`), element("br"), `to `, element("strong", "", `${answer.to}${place}`));
      moves.append(main);
      moves.append(answer.others.length ? this.otherMoves(answer.others) : element("p", "quiet", "No other visit moves."));
      const what = ["Move the visit", "Move both visits"][count - 1] ?? `Move all ${count} visits`;
      const book = this.button(what, "big", () => this.book(pk, start, on, answer.expected, book));
      const row = element("div", "actions-row");
      row.append(book, this.button("Leave it as it is", "plain", () => this.node.close()));
      this.fill(visit.patient, [moves, element("p", "quiet", answer.told), row], book);
    }

    otherMoves(others) {
      const table = element("table", "rows"), body = element("tbody"), head = element("thead"), row = element("tr");
      for (const text of ["Moves too", "From", "To"]) {
        const cell = element("th", "", text);
        cell.scope = "col";
        row.append(cell);
      }
      head.append(row);
      for (const move of others) {
        const line = element("tr"), name = element("th", "", move.label);
        name.scope = "row";
        line.append(name, element("td", "", move.from), element("td", "", move.to));
        body.append(line);
      }
      table.append(head, body);
      const box = element("div", "scroll");
      box.append(table);
      return box;
    }

    async book(pk, start, on, expected, button) {
      button.disabled = true;
      const fields = { start, on, expected, seen_at: this.board.data.visits[pk].seen, csrfmiddlewaretoken: this.token };
      const answer = await this.ask(this.url("book", pk), { method: "POST", body: new URLSearchParams(fields) });
      if (answer.done) return boardPage.reload();
      this.showRefused(pk, answer.refused, "Nothing was changed");
    }

    showRefused(pk, sentences, title) {
      const box = element("div", "notice-box bad"), list = element("ul");
      box.setAttribute("role", "alert");
      for (const sentence of sentences) list.append(element("li", "", sentence));
      box.append(list);
      const again = this.button("Choose another time", "plain", () => this.showTimes(pk, this.board.data.visits[pk].start.slice(0, 10)));
      const fresh = this.button("Show the board as it is now", "", () => boardPage.reload());
      const row = element("div", "actions-row");
      row.append(fresh, again);
      this.fill(title, [element("p", "", this.board.data.visits[pk].patient), box, row], fresh);
    }

    // The starts that need no other visit, and those that do, in order.
    async askStarts(pk, first, last, on, signal) {
      const url = (others) => `${this.url("starts", pk)}?${new URLSearchParams({ first, last, on, others })}`;
      const [alone, others] = await Promise.all([this.ask(url("no"), { signal }), this.ask(url("yes"), { signal })]);
      return [...(alone.starts ?? []), ...(others.starts ?? [])].sort((a, b) => (a.at < b.at ? -1 : 1));
    }

    async ask(url, options) {
      try {
        const answer = await fetch(url, { headers: { Accept: "application/json" }, ...options });
        return await answer.json();
      } catch {
        return { starts: [], refused: [LOGGED_OUT] };
      }
    }
  }

  return { Dialog };
})();
