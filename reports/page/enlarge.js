// Figures: a click or tap shows one at full size in a dialog that scrolls; Escape or another click closes it.
{
  const POINTS = 1.6; // points of a picture per pixel of the screen, so that letters are as large as in the text

  const button = (text) => {
    const node = document.createElement("button");
    node.type = "button";
    node.textContent = text;
    return node;
  };

  const dialog = document.body.appendChild(document.createElement("dialog"));
  const close = button("Close");
  dialog.addEventListener("click", () => dialog.close());

  for (const picture of document.querySelectorAll(".picture img")) {
    const title = picture.closest("section").querySelector("h3").textContent;
    const enlarge = () => {
      const large = picture.cloneNode();
      large.width = picture.naturalWidth / POINTS;
      dialog.replaceChildren(close, large);
      dialog.setAttribute("aria-label", title);
      dialog.showModal();
      dialog.scrollTo(0, 0);
    };
    const opener = button("Enlarge");
    opener.setAttribute("aria-label", `Enlarge: ${title}`);
    opener.addEventListener("click", enlarge);
    picture.addEventListener("click", enlarge);
    picture.after(opener);
  }
}
