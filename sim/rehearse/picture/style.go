package picture

// style is shared by the page and the picture. Colours are variables, which the
// reader's choice of light or dark replaces.
const style = `
:root,svg.picture{--bg:#ffffff;--fg:#1f2933;--soft:#5b6876;--grid:#dfe3e8;--old:#8a96a6;--new:#2f6fde;--got:#cbdbf7;--third:#8e5bd0;--fourth:#0f8f80;--good:#15803d;--bad:#c81e1e;--error:#a21caf;--unsure:#946200;--pause:#f5c84233;--box:#f6f7f9}
@media (prefers-color-scheme: dark){:root,svg.picture{--bg:#14181d;--fg:#e6e9ed;--soft:#a3adb9;--grid:#303842;--old:#77828f;--new:#6ea8ff;--got:#2a3c55;--third:#c39bf5;--fourth:#3cc8b4;--good:#4ade80;--bad:#ff7b72;--error:#f07cf7;--unsure:#e3b341;--pause:#f5c84226;--box:#1c2229}}
svg.picture{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-size:12px}
.bg{fill:var(--bg)}
.t{fill:var(--fg)}.s{fill:var(--soft)}.h{fill:var(--fg);font-size:18px;font-weight:600}.b{fill:var(--fg);font-weight:600}
.t.good,.b.good{fill:var(--good)}.t.bad,.b.bad{fill:var(--bad)}.t.error{fill:var(--error)}.t.unsure{fill:var(--unsure)}
.over{paint-order:stroke;stroke:var(--bg);stroke-width:6px;stroke-linejoin:round}
.grid{stroke:var(--grid);stroke-width:1}
.axis{stroke:var(--soft);stroke-width:1}
.pause{fill:var(--pause)}
.mark{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 3}
.mark.bad{stroke:var(--bad)}.mark.good{stroke:var(--good)}
.l{fill:none;stroke-width:2}
.l.old{stroke:var(--old);stroke-width:3.5}.l.new{stroke:var(--new)}.l.third{stroke:var(--third)}.l.fourth{stroke:var(--fourth)}
.l.set{stroke:var(--fg);stroke-width:1.5;stroke-dasharray:5 4}.l.got{stroke:var(--new);stroke-width:1.5;stroke-dasharray:1.5 3}
.l.want{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:5 4}
.a{stroke:none}.a.old{fill:var(--old)}.a.new{fill:var(--new)}.a.third{fill:var(--third)}.a.fourth{fill:var(--fourth)}
.a.got{fill:var(--got)}
.step{fill:var(--box);stroke:var(--grid)}.step.paused{fill:var(--pause)}.step.good{stroke:var(--good)}.step.bad{stroke:var(--bad)}
.v{fill:none;stroke-width:2}.v.good{fill:var(--good);stroke:var(--good)}.v.bad{stroke:var(--bad)}.v.error{stroke:var(--error)}.v.unsure{stroke:var(--unsure)}
`
