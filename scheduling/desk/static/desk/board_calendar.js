// Draws the board with the calendar component: an event for each seat that a visit holds, a column for each resource.
// All times are the site's wall clock, as text; the browser's own time zone has no say.
"use strict";

const boardCalendar = (() => {
  const SLOT = 30, SLOT_HEIGHT = 26, SHORT = 30; // minutes, pixels, minutes
  const MANY_SEATS = 4; // more than these are drawn as a count, not one by one

  const instant = (wall) => Date.parse(`${wall}Z`);
  const minutesBetween = (begin, end) => (instant(end) - instant(begin)) / 60000;
  const plusMinutes = (wall, minutes) => new Date(instant(wall) + minutes * 60000).toISOString().slice(0, 16);
  const two = (number) => String(number).padStart(2, "0");
  // The component hands out dates whose local parts are the wall clock.
  const wallOf = (date) =>
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;

  function sayTime(wall) {
    const [hour, minute] = wall.slice(11).split(":").map(Number);
    return `${hour % 12 || 12}:${two(minute)} ${hour < 12 ? "AM" : "PM"}`;
  }

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  class Board {
    constructor(host, data, { mayDrag, onOpen, onDragStart, onDragStop, onDrop, isLegal }) {
      this.host = host;
      this.shown = new Set();
      this.take(data);
      this.calendar = EventCalendar.create(host, {
        ...this.layout(),
        events: [],
        resources: [],
        eventContent: (info) => this.content(info.event),
        eventDidMount: (info) => this.mounted(info),
        eventClick: (info) => {
          info.jsEvent.preventDefault(); // or Enter would press the button that gets the focus, too
          if (info.event.extendedProps.visit) onOpen(info.event.extendedProps.visit);
        },
        eventStartEditable: mayDrag,
        eventDurationEditable: false,
        eventDragStart: (info) => onDragStart(info.event.extendedProps),
        eventDragStop: onDragStop,
        dragConstraint: (info) => isLegal(Number(info.event.resourceIds.at(-1)), wallOf(info.event.start)),
        eventDrop: (info) => {
          const column = Number(info.event.resourceIds.at(-1)), at = wallOf(info.event.start);
          info.revert();
          onDrop(info.event.extendedProps, column, at);
        },
        longPressDelay: 400,
      });
    }

    take(data) {
      this.data = data;
      this.columns = new Map(data.columns.map((column) => [column.id, column]));
      this.days = data.days.filter((day) => data.days.length === 1 || !data.hidden.includes(new Date(`${day}T00:00Z`).getUTCDay()));
    }

    layout() {
      const { data } = this, isWeek = data.view === "week";
      const isToday = data.days.includes(data.now.slice(0, 10));
      return {
        view: isWeek ? "resourceTimeGridWeek" : "resourceTimeGridDay",
        date: data.days[0],
        datesAboveResources: isWeek,
        firstDay: 1,
        hiddenDays: isWeek ? data.hidden : [],
        headerToolbar: { start: "", center: "", end: "" },
        dayHeaderFormat: { weekday: "short", month: "short", day: "numeric" },
        locale: "en-US",
        timeZone: data.offset,
        nowIndicator: true,
        allDaySlot: false,
        slotEventOverlap: false,
        slotMinTime: data.from,
        slotMaxTime: data.to,
        slotDuration: { minutes: SLOT },
        slotHeight: SLOT_HEIGHT,
        snapDuration: { minutes: data.grid },
        scrollTime: isToday ? plusMinutes(data.now, -60).slice(11) : data.from,
        columnWidth: isWeek ? "minmax(5rem, 1fr)" : "minmax(7rem, 1fr)",
        resourceLabelContent: ({ resource }) => this.label(resource),
      };
    }

    // The kinds whose columns are shown.
    show(kinds) {
      this.shown = new Set(kinds);
      this.order = this.data.columns.filter((column) => this.shown.has(column.kind));
      this.calendar.setOption("resources", this.order.map((column) => ({ id: column.id, title: column.name })));
      this.calendar.setOption("events", this.events());
      requestAnimationFrame(() => this.plain());
    }

    // The component calls its grid a table; with visits beside its cells and not in them, it is none to a screen reader.
    // What a cell would say, each visit says itself.
    plain() {
      for (const node of this.host.querySelectorAll("[role]:not([role=button])")) node.removeAttribute("role");
      for (const name of ["aria-colindex", "aria-colspan"]) {
        for (const node of this.host.querySelectorAll(`[${name}]`)) node.removeAttribute(name);
      }
      for (const node of this.host.querySelectorAll(".ec-header span[aria-label]")) node.removeAttribute("aria-label");
    }

    refresh(data) {
      this.take(data);
      this.show(this.shown);
    }

    blocks(visit) {
      return this.data.blocks.filter((block) => block[0] === visit);
    }

    events() {
      const places = new Map(this.order.map((column, index) => [column.id, index]));
      const single = this.data.blocks
        .filter(([, column]) => places.has(column) && this.columns.get(column).seats <= MANY_SEATS)
        .sort((a, b) => places.get(a[1]) - places.get(b[1]) || (a[2] < b[2] ? -1 : 1))
        .map((block) => this.visitEvent(block));
      const counted = this.order.filter((column) => column.seats > MANY_SEATS).flatMap((column) => this.countEvents(column));
      return [...this.data.shut.map((shut) => this.shutEvent(shut)), ...single, ...counted];
    }

    visitEvent([pk, column, start, end]) {
      const visit = this.data.visits[pk];
      return {
        id: `${pk}-${column}-${start}`,
        resourceIds: [column],
        start,
        end,
        editable: this.data.mayMove && visit.acts.includes("move"),
        classNames: ["visit", visit.state, minutesBetween(start, end) < SHORT ? "short" : ""].filter(Boolean),
        extendedProps: { visit: pk, column, start, end },
      };
    }

    // How many patients a post with many seats has, from change to change.
    countEvents(column) {
      const mine = this.data.blocks.filter((block) => block[1] === column.id);
      const turns = [...new Set(mine.flatMap(([, , start, end]) => [start, end]))].sort();
      return turns.slice(1).flatMap((end, index) => {
        const start = turns[index];
        const number = mine.filter((block) => block[2] <= start && block[3] >= end).length;
        if (!number) return [];
        return { id: `count-${column.id}-${start}`, resourceIds: [column.id], start, end, editable: false,
          classNames: ["count"], extendedProps: { count: `${number} of ${column.seats}` } };
      });
    }

    shutEvent(shut) {
      return { resourceIds: shut.on, start: shut.start, end: shut.end, display: "background",
        classNames: ["shut", shut.sort], extendedProps: { shut: shut.title, long: minutesBetween(shut.start, shut.end) >= 45 } };
    }

    content({ start, extendedProps: props }) {
      if (props.shut) return { domNodes: props.shut === "Closed" || !props.long ? [] : [element("span", "shut-title", props.shut)] };
      if (props.count) return { domNodes: [element("span", "count-text", props.count)] };
      const visit = this.data.visits[props.visit], text = element("span", "visit-text");
      text.append(element("strong", "", visit.patient), " ");
      text.append(element("span", "visit-what", `${sayTime(wallOf(start))} ${visit.label}`));
      if (visit.state !== "booked") text.append(" ", element("span", "visit-state", visit.said));
      return { domNodes: [this.stages(visit, props), text] };
    }

    // The stages that fall into a block, each as high as it is long.
    stages(visit, { start, end }) {
      const begin = minutesBetween(visit.start, start), until = begin + minutesBetween(start, end);
      const bars = element("span", "visit-stages");
      for (const [, from, to, shade] of this.data.stages[visit.type] ?? []) {
        const minutes = Math.min(to, until) - Math.max(from, begin);
        if (minutes <= 0) continue;
        const bar = element("span", shade);
        bar.style.flexGrow = minutes;
        bars.append(bar);
      }
      return bars;
    }

    mounted({ event, el }) {
      const { visit: pk, column, start, end, count } = event.extendedProps;
      if (count) for (const name of ["role", "tabindex"]) el.removeAttribute(name);
      if (!pk) return;
      const visit = this.data.visits[pk], day = this.days.length > 1 ? `${visit.when.split(", ").slice(0, 2).join(", ")}, ` : "";
      const said = `${visit.patient}, ${visit.label}, ${day}${sayTime(start)} to ${sayTime(end)}, ${this.columns.get(column).name}, ${visit.said}`;
      el.setAttribute("aria-label", said);
      el.title = said;
      el.dataset.visit = pk;
      el.dataset.column = column;
      el.dataset.start = start;
      el.tabIndex = -1;
    }

    label(resource) {
      const column = this.columns.get(Number(resource.id));
      if (!column) return "";
      return { domNodes: [element("span", "column-kind", column.kindName), element("span", "column-name", column.name)] };
    }

    // Marks where something may begin: `marks` are [column, wall clock, class, text].
    light(marks, minutes) {
      this.dim();
      const body = this.host.querySelector(".ec-body");
      if (!body) return;
      const layer = element("div", "ec-events board-lit"), places = new Map(this.order.map((column, index) => [column.id, index]));
      for (const [column, at, className, text] of marks) {
        const day = this.days.indexOf(at.slice(0, 10)), place = places.get(column);
        if (day < 0 || place === undefined) continue;
        const mark = element("span", `lit ${className}`, text);
        mark.style.gridColumn = day * this.order.length + place + 1;
        mark.style.insetBlockStart = `${(minutesBetween(`${at.slice(0, 10)}T${this.data.from}`, at) / SLOT) * SLOT_HEIGHT}px`;
        mark.style.blockSize = `${(minutes / SLOT) * SLOT_HEIGHT}px`;
        mark.dataset.at = at;
        mark.dataset.column = column;
        layer.append(mark);
      }
      body.insertBefore(layer, body.querySelector(".ec-events"));
    }

    dim() {
      for (const layer of this.host.querySelectorAll(".board-lit")) layer.remove();
    }
  }

  return { Board, element, minutesBetween, plusMinutes, sayTime, MANY_SEATS };
})();
