/** The style of the report page. */
export const style = `
:root{--paper:#fff;--soft:#f6f7f8;--ink:#14181d;--muted:#59636e;--line:#e1e5e9;--keep:#0b8457;--fail:#c2410c;--accent:#4338ca;--plus:#e3f6ec;--minus:#fdeae4}
@media (prefers-color-scheme:dark){:root{--paper:#11151a;--soft:#181d24;--ink:#eef1f4;--muted:#a2acb7;--line:#2a323b;--keep:#34d399;--fail:#fb923c;--accent:#a5a8fb;--plus:#12372a;--minus:#43221a}}
@media print{:root{--paper:#fff;--soft:#f6f7f8;--ink:#000;--muted:#444;--line:#ccc;--keep:#0b8457;--fail:#c2410c;--accent:#4338ca;--plus:#e3f6ec;--minus:#fdeae4}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.55 Inter,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1200px;margin:0 auto;padding:40px 28px 64px}
a{color:var(--accent)}
code,pre{font:12.5px/1.5 ui-monospace,"SF Mono",SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.lab{margin:0;color:var(--muted)}.lab b{color:var(--ink);font-weight:600;margin-right:6px}
h1{margin:4px 0 2px;font-size:38px;line-height:1.15;letter-spacing:-.02em;overflow-wrap:anywhere}
h1.open,h1.none{color:var(--muted)}h1.gain{color:var(--keep)}
.evidence{margin:0;font-size:17px;font-variant-numeric:tabular-nums}
.meaning{margin:6px 0 0;max-width:72ch;color:var(--muted)}
figure{position:relative;margin:28px 0 8px;border:1px solid var(--line);border-radius:10px;overflow:hidden;background:var(--paper)}
figure svg{display:block;width:100%;height:auto}
figure [data-id]{cursor:pointer}figure [data-id]:hover{stroke:var(--ink);stroke-width:2}
#tip{position:absolute;max-width:340px;padding:8px 11px;border-radius:7px;background:var(--ink);color:var(--paper);font-size:13px;line-height:1.4;white-space:pre-line;pointer-events:none;overflow-wrap:anywhere}
h2{margin:40px 0 12px;font-size:20px;letter-spacing:-.01em}
dl{margin:0}section>dl{display:grid;grid-template-columns:repeat(3,1fr);gap:1px;background:var(--line);border:1px solid var(--line);border-radius:10px;overflow:hidden}
.fact{background:var(--paper);padding:14px 18px}.fact dt{color:var(--muted);font-size:13px}
.fact dd{margin:2px 0 0;font-size:18px;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.fact small{display:block;margin-top:3px;font-size:13px;line-height:1.45;font-weight:400;color:var(--muted)}
.fact ul{margin:0;padding-left:16px}
.fact code{font-size:14px}.fact small code{font-size:12px}
.grade{display:inline-block;min-width:30px;padding:0 9px;border-radius:7px;text-align:center;color:#fff;background:#b45309}.gA{background:#0b7a50}.gB{background:#3f7d20}.gD{background:#b91c1c}
.remarks{margin:0;padding-left:20px;max-width:90ch}.remarks .warning{font-weight:600}
.bar{display:flex;flex-wrap:wrap;align-items:center;gap:10px 18px;margin:40px 0 10px}.bar h2{margin:0}
button,input{font:inherit;color:inherit;background:none;border:1px solid var(--line);border-radius:7px;padding:4px 11px}
button{cursor:pointer}button:hover{border-color:var(--muted)}
:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
.filters{display:flex;gap:6px}.filters [aria-pressed=true]{background:var(--ink);border-color:var(--ink);color:var(--paper)}
#find{margin-left:auto;width:220px}
.row{display:grid;grid-template-columns:44px 74px minmax(0,1fr) 100px 100px 64px 96px;gap:0 14px;align-items:baseline;padding:7px 12px}
.head{position:sticky;top:0;background:var(--paper);border-bottom:1px solid var(--line);color:var(--muted);font-size:13px;z-index:1}
.sort{border:0;padding:0;text-align:right;border-radius:3px}.s-status{text-align:left}
.sort[data-order=ascending]::after{content:" ↑"}.sort[data-order=descending]::after{content:" ↓"}
.e{border-bottom:1px solid var(--line)}.e summary{cursor:pointer;list-style:none}.e summary::-webkit-details-marker{display:none}
.e summary:hover{background:var(--soft)}.e[open]>summary{background:var(--soft)}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.what{overflow-wrap:anywhere}
.e .status{font-size:13px;color:var(--muted)}.keep .status{color:var(--keep);font-weight:650}.keep .effect{color:var(--keep)}.keep .what{font-weight:600}
.failed .status{color:var(--fail)}.e em{font-style:normal;font-size:12px;font-weight:400;color:var(--accent)}
.discard .num,.failed .num{color:var(--muted)}
.body{padding:10px 14px 20px 70px}
.pairs{display:grid;grid-template-columns:104px minmax(0,1fr);gap:4px 14px;max-width:92ch}.pairs dt{color:var(--muted)}.pairs dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
h3{margin:16px 0 6px;font-size:13px;font-weight:600;color:var(--muted)}.plus{color:var(--keep)}.minus{color:var(--fail)}
pre{margin:0;padding:10px 12px;overflow-x:auto;background:var(--soft);border:1px solid var(--line);border-radius:8px;tab-size:4}
.diff{padding:8px 0}.diff>*{display:block;padding:0 12px;min-width:max-content;font:inherit;text-decoration:none;white-space:pre}
.diff ins{background:var(--plus)}.diff del{background:var(--minus)}.diff b{font-weight:600}.diff i{color:var(--muted)}
.scroll{overflow-x:auto}.parts{width:100%;border-collapse:collapse;font-size:14px}.parts th{padding:6px 12px;text-align:left;font-size:13px;font-weight:400;color:var(--muted);border-bottom:1px solid var(--line)}.parts td{padding:7px 12px;border-bottom:1px solid var(--line);vertical-align:baseline}
.note{margin:6px 0 0;color:var(--muted);font-size:13px}.none{color:var(--muted);padding:12px}
footer{margin-top:44px;color:var(--muted);font-size:13px}footer p{margin:0 0 6px;max-width:88ch}
[hidden]{display:none!important}
@media (max-width:860px){main{padding:24px 14px 48px}h1{font-size:29px}section>dl{grid-template-columns:1fr}.row{grid-template-columns:32px 66px minmax(0,1fr) 84px;padding:7px 6px}.row>:nth-child(n+5){display:none}.body{padding-left:8px}#find{margin-left:0;width:100%}figure{overflow-x:auto}figure svg{min-width:760px}}
@media print{main{max-width:none;padding:0}.filters,#find{display:none}.head{position:static}.e,.fact,figure{break-inside:avoid}body{font-size:11px}h1{font-size:28px}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`
  .trim()
  .replaceAll("\n", "");

/** The page's script: tooltips and jumps in the chart, filter, search and order of the table. Without it all is readable. */
export const script = `
"use strict";
(() => {
  const rows = document.getElementById("rows");
  const all = [...rows.children];
  const none = document.getElementById("none");
  const find = document.getElementById("find");
  let wanted = "all";
  const show = () => {
    const words = find.value.trim().toLowerCase();
    let any = false;
    for (const row of all) {
      const text = words === "" || row.querySelector(".what").textContent.toLowerCase().includes(words);
      const seen = text && (wanted === "all" || row.classList.contains(wanted));
      row.hidden = !seen;
      any ||= seen;
    }
    if (none) none.hidden = any;
  };
  const filters = [...document.querySelectorAll("[data-filter]")];
  for (const button of filters)
    button.addEventListener("click", () => {
      wanted = button.dataset.filter;
      for (const other of filters) other.setAttribute("aria-pressed", String(other === button));
      show();
    });
  find.addEventListener("input", show);
  const sorts = [...document.querySelectorAll("[data-sort]")];
  for (const button of sorts)
    button.addEventListener("click", () => {
      const key = button.dataset.sort;
      const first = key === "effect" || key === "real" || key === "time" ? "descending" : "ascending";
      const order = button.dataset.order === "none" ? first : button.dataset.order === "ascending" ? "descending" : "ascending";
      for (const other of sorts) other.dataset.order = other === button ? order : "none";
      const sign = order === "ascending" ? 1 : -1;
      const of = (row) => (row.dataset[key] === "" ? null : Number(row.dataset[key]));
      all.sort((a, b) => {
        const x = of(a), y = of(b);
        if (x === null || y === null) return (x === null) - (y === null);
        return sign * (x - y) || Number(a.dataset.id) - Number(b.dataset.id);
      });
      rows.append(...all);
    });
  const open = (id) => {
    const row = document.getElementById("e" + id);
    if (!row) return;
    row.hidden = false;
    row.open = true;
    row.scrollIntoView({ block: "center" });
    row.firstElementChild.focus();
  };
  const figure = document.querySelector("figure");
  const tip = document.getElementById("tip");
  for (const mark of figure.querySelectorAll("[data-id]")) {
    const title = mark.querySelector("title");
    const words = title ? title.textContent : "";
    mark.addEventListener("pointerenter", () => {
      if (title) title.remove();
      tip.textContent = words;
      tip.hidden = false;
      const box = mark.getBoundingClientRect(), frame = figure.getBoundingClientRect();
      const x = Math.min(Math.max(8, box.left - frame.left + box.width / 2 - tip.offsetWidth / 2), frame.width - tip.offsetWidth - 8);
      const above = box.top - frame.top - tip.offsetHeight - 8;
      tip.style.left = x + "px";
      tip.style.top = (above > 4 ? above : box.bottom - frame.top + 8) + "px";
    });
    mark.addEventListener("pointerleave", () => { tip.hidden = true; if (title) mark.append(title); });
    mark.addEventListener("click", () => open(mark.dataset.id));
  }
  const jump = () => { const match = /^#e(\\d+)$/.exec(location.hash); if (match) open(match[1]); };
  addEventListener("hashchange", jump);
  jump();
})();
`.trim();
