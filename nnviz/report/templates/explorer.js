/* The pictures: chosen by truth, answer, right or wrong; the confusion matrix chooses too. */
{
const form = document.getElementById("filters");
if (form) {
  const figure = form.closest("figure"), tiles = [...figure.querySelectorAll(".tile")], rest = figure.querySelector(".rest");
  const words = () => JSON.parse(document.getElementById("look-data").textContent).words.shown;
  let shownWords;
  const apply = () => {
    const {true: truth, answer, kind} = Object.fromEntries(new FormData(form));
    let n = 0;
    for (const tile of tiles) {
      const own = tile.dataset, right = own.true === own.answer ? "right" : "wrong";
      tile.hidden = !!(truth && own.true !== truth || answer && own.answer !== answer || kind && right !== kind);
      n += !tile.hidden;
    }
    if (rest && (truth || answer || kind)) rest.open = true;
    shownWords ??= words();
    form.querySelector("output").textContent = shownWords.replace("{n}", n).replace("{all}", tiles.length);
    const open = [...figure.querySelectorAll(".open")], first = open.find(b => !b.closest("[hidden]"));
    open.forEach(b => b.tabIndex = b === first ? 0 : -1);
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
