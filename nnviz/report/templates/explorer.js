/* The pictures: chosen by truth, answer, right or wrong; the confusion matrix chooses too. */
{
const form = byId("filters");
if (form) {
  const figure = form.closest("figure"), tiles = all(".tile", figure), rest = figure.querySelector(".rest");
  const apply = () => {
    const {true: truth, answer, kind} = Object.fromEntries(new FormData(form));
    for (const tile of tiles) {
      const own = tile.dataset, right = own.true === own.answer ? "right" : "wrong";
      tile.hidden = truth && own.true !== truth || answer && own.answer !== answer || kind && right !== kind;
    }
    if (rest && (truth || answer || kind)) rest.open = true;
    form.querySelector("output").textContent = fill(looking().words.shown, {n: tiles.filter(tile => !tile.hidden).length, all: tiles.length});
    const open = all(".open", figure);
    stay(open, open.find(b => !b.closest("[hidden]")));
  };
  form.onchange = apply;
  form.onreset = () => setTimeout(apply);
  form.onsubmit = event => event.preventDefault();
  document.addEventListener("click", event => {
    const link = event.target.closest('a[href="#pictures"][data-answer]');
    if (!link) return;
    form.reset();
    for (const name of ["true", "answer"]) if (form.elements[name]) form.elements[name].value = link.dataset[name];
    setTimeout(apply);
  });
}
}
