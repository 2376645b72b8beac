// Contents: folded on narrow screens until the reader opens them.
{
  const contents = document.querySelector("nav details");
  const narrow = matchMedia("(max-width: 72rem)");
  const fold = () => { contents.open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  contents.addEventListener("click", (event) => {
    if (narrow.matches && event.target.closest("a")) contents.open = false;
  });
  fold();
}
