// Replay: unpacks the images that reports/replay.py packed into the page, and draws one step of all methods.
if (document.getElementById("replay-data")) {
  const data = JSON.parse(document.getElementById("replay-data").textContent);
  const root = document.getElementById("replay");
  const field = (selector) => root.querySelector(selector);
  const [protocol, task, image] = ["protocol", "task", "image"].map((name) => field(`select[name=${name}]`));
  const slider = field("input");
  const panels = field(".panels");
  const SIDE = 768; // canvas pixels along the longer side at least, enough for lines within a pixel of the image

  const element = (tag, className, text = "") => {
    const node = document.createElement(tag);
    node.className = className;
    node.textContent = text;
    return node;
  };

  const plural = (count, unit) => `${count} ${count === 1 ? unit.replace(/(x)es$|s$/, "$1") : unit}`;

  // ---- unpacking

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  const inflate = async (text) => {
    const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  const unpacked = (packed, count) => {
    const mask = new Uint8Array(count);
    for (let i = 0; i < count; i++) mask[i] = (packed[i >> 3] >> (7 - (i & 7))) & 1;
    return mask;
  };

  // The picture, the label mask, and the frames of each method: prediction and interactions after each step.
  const unpack = async (entry) => {
    const picture = new Image();
    picture.src = `data:image/png;base64,${data.scenes[entry.scene]}`;
    const [packed] = await Promise.all([inflate(entry.masks), picture.decode()]);
    const count = picture.naturalWidth * picture.naturalHeight;
    const size = Math.ceil(count / 8);
    let offset = 0;
    const plane = () => packed.subarray(offset, (offset += size));
    const label = plane();
    const runs = entry.runs.map(([method, steps]) => {
      let previous = label;
      const frames = steps.map(([step, dice, row, column, signs, box]) => {
        const change = plane();
        previous = previous.map((byte, i) => byte ^ change[i]);
        const interactions = box ? [{ color: data.colors.box, box }] : [];
        for (const [bit, color] of [[1, data.colors.positive], [2, data.colors.negative]]) {
          if (!(signs & bit)) continue;
          const drawn = row < 0 ? { mask: unpacked(plane(), count) } : { row, column, plus: bit === 1 };
          interactions.push({ color, ...drawn });
        }
        return { step, dice, interactions, prediction: unpacked(previous, count) };
      });
      const { id, title } = data.methods[method];
      return { id, title: entry.position ? title : data.seed, frames };
    });
    return { picture, label: unpacked(label, count), runs };
  };

  // ---- drawing

  const paint = (context, mask, width, color, alpha) => {
    const layer = new OffscreenCanvas(width, mask.length / width);
    const brush = layer.getContext("2d");
    brush.fillStyle = color;
    mask.forEach((inside, i) => { if (inside) brush.fillRect(i % width, Math.floor(i / width), 1, 1); });
    context.globalAlpha = alpha;
    context.imageSmoothingEnabled = false;
    context.drawImage(layer, 0, 0, context.canvas.width, context.canvas.height);
    context.globalAlpha = 1;
  };

  // A line along the edge of a mask: inside it or, with a negative width, outside it.
  const edge = (context, mask, width, color, line) => {
    const scale = context.canvas.width / width;
    const inside = (row, column) =>
      row >= 0 && column >= 0 && column < width && row * width + column < mask.length && mask[row * width + column];
    const [t, outwards] = [Math.abs(line), Math.max(0, -line)];
    context.fillStyle = color;
    mask.forEach((value, i) => {
      if (!value) return;
      const [row, column] = [Math.floor(i / width), i % width];
      const [x, y, far] = [column * scale, row * scale, scale - t + outwards];
      for (const side of [-1, 1]) {
        if (!inside(row, column + side)) context.fillRect(x + (side < 0 ? -outwards : far), y, t, scale);
        if (inside(row + side, column)) continue;
        // Outside, the strip turns the corner unless the mask continues there.
        const left = inside(row + side, column - 1) ? 0 : outwards;
        const right = inside(row + side, column + 1) ? 0 : outwards;
        context.fillRect(x - left, y + (side < 0 ? -outwards : far), left + scale + right, t);
      }
    });
  };

  const disc = (context, click, scale, newest) => {
    const [x, y] = [(click.column + 0.5) * scale, (click.row + 0.5) * scale];
    const radius = newest ? 20 : 14;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = click.color;
    context.fill();
    context.lineWidth = newest ? 6 : 3;
    context.strokeStyle = newest ? "#ffffff" : "#000000";
    context.stroke();
    context.beginPath();
    context.moveTo(x - 0.6 * radius, y);
    context.lineTo(x + 0.6 * radius, y);
    if (click.plus) { context.moveTo(x, y - 0.6 * radius); context.lineTo(x, y + 0.6 * radius); }
    context.lineWidth = 4;
    context.strokeStyle = "#000000";
    context.stroke();
  };

  // The outline of a box at the edges of its outer pixels, moved inside where these are the image's.
  const outline = (context, [top, left, bottom, right], color, scale, newest) => {
    const { width, height } = context.canvas;
    const [x, y] = [left, top].map((edge) => Math.max(edge * scale, 6));
    const [far, low] = [Math.min(right * scale, width - 6), Math.min(bottom * scale, height - 6)];
    for (const [ink, line] of [[newest ? "#ffffff" : "#000000", 12], [color, 6]]) {
      context.strokeStyle = ink;
      context.lineWidth = line;
      context.strokeRect(x, y, far - x, low - y);
    }
  };

  const draw = (canvas, { picture, label }, frames) => {
    const width = picture.naturalWidth;
    const scale = Math.ceil(SIDE / Math.max(width, picture.naturalHeight));
    canvas.width = width * scale;
    canvas.height = picture.naturalHeight * scale;
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const last = frames.at(-1);
    if (last) {
      paint(context, last.prediction, width, data.colors.prediction, 0.4);
      edge(context, last.prediction, width, data.colors.prediction, scale / 3);
    }
    edge(context, label, width, data.colors.label, -scale / 2);
    for (const frame of frames) {
      for (const interaction of frame.interactions) {
        const { mask, color, box } = interaction;
        if (box) { outline(context, box, color, scale, frame === last); continue; }
        if (!mask) { disc(context, interaction, scale, frame === last); continue; }
        if (frame === last) edge(context, mask, width, "#ffffff", -scale / 3);
        paint(context, mask, width, color, frame === last ? 1 : 0.7);
      }
    }
  };

  // ---- one step of all methods

  const state = (run, step, unit) => {
    const last = run.frames.at(-1);
    if (step < last.step) return "not finished";
    const effort = last.step ? `after ${plural(last.step, unit)}` : "without interaction";
    return last.dice >= data.target ? `target Dice reached ${effort}` : `target Dice not reached ${effort}`;
  };

  // The interactions of some frames in words, which name a box that is one interaction of several kinds.
  const amount = (frames, unit) => {
    const count = plural(frames.at(-1).step, unit);
    const first = frames.findIndex((frame) => frame.interactions.some(({ box }) => box));
    if (first < 0 || unit === "boxes") return count;
    return count + (first === frames.length - 1 ? ": a box" : ", the first a box");
  };

  let shown = null; // the unpacked image on the screen

  const show = () => {
    const step = Number(slider.value);
    const unit = data.groups[protocol.value].unit;
    field("output").textContent = `${step} of ${slider.max}`;
    shown.runs.forEach((run, index) => {
      const panel = panels.children[index];
      const frames = run.frames.filter((frame) => frame.step <= step);
      const last = frames.at(-1);
      const dice = last ? `Dice ${(100 * last.dice).toFixed(1)}%` : "No prediction yet";
      const count = last ? amount(frames, unit) : "";
      draw(panel.querySelector("canvas"), shown, frames);
      panel.querySelector("canvas").setAttribute("aria-label", `${run.title}: ${dice}, ${count}`);
      panel.querySelector(".dice").textContent = dice;
      panel.querySelector(".count").textContent = count;
      panel.querySelector(".state").textContent = state(run, step, unit);
      panel.classList.toggle("done", step >= run.frames.at(-1).step);
    });
  };

  const open = async () => {
    field(".absent").hidden = true;
    const entry = data.images[image.value];
    const unpackedImage = await unpack(entry);
    if (entry !== data.images[image.value]) return; // the reader has chosen another image meanwhile
    shown = unpackedImage;
    field(".file").hidden = !entry.file;
    field(".file").textContent = `File: ${entry.file}`;
    field(".stretched").hidden = !data.stretched[entry.scene];
    slider.max = Math.max(...shown.runs.map((run) => run.frames.at(-1).step));
    panels.replaceChildren(...shown.runs.map((run) => {
      const panel = element("figure", "panel");
      const caption = element("figcaption", "");
      for (const [name, text] of [["title", run.title], ["dice", ""], ["count", ""], ["state", ""]]) {
        caption.append(element("span", name, text));
      }
      const canvas = element("canvas", "");
      canvas.setAttribute("role", "img");
      panel.append(canvas, caption);
      return panel;
    }));
    show();
  };

  // ---- choosing: a new list keeps the chosen option if it contains it

  const fill = (select, options) => {
    const chosen = select.selectedOptions[0]?.textContent;
    select.replaceChildren(...options.map(([value, text]) => {
      const option = element("option", "", text);
      option.value = value;
      option.selected = text === chosen;
      return option;
    }));
  };

  const listTasks = () => {
    const entries = data.images.filter((entry) => entry.group === Number(protocol.value));
    const tasks = [...new Set(entries.map((entry) => entry.task))].sort((a, b) => a - b);
    fill(task, tasks.map((number) => [number, data.tasks[number]]));
  };

  const listImages = () => {
    const options = data.images.flatMap((entry, index) => {
      const listed = entry.group === Number(protocol.value) && entry.task === Number(task.value);
      return listed ? [[index, entry.position ? `Example ${entry.position}` : "Example 0, the seed image"]] : [];
    });
    const fresh = !image.options.length;
    fill(image, options);
    if (fresh && options.length > 1) image.selectedIndex = 1;
  };

  const used = new Set(data.images.map((entry) => entry.group));
  fill(protocol, [...used].sort((a, b) => a - b).map((number) => [number, data.groups[number].title]));
  protocol.addEventListener("change", () => { listTasks(); listImages(); open(); });
  task.addEventListener("change", () => { listImages(); open(); });
  image.addEventListener("change", open);
  slider.addEventListener("input", show);
  const legend = { label: "line around the label", prediction: "prediction, its edge drawn inside it" };
  Object.assign(legend, { positive: "positive interactions (+)", negative: "negative interactions (\u2212)" });
  if (data.images.some((entry) => entry.runs.some(([, steps]) => steps.some((step) => step.length > 5)))) {
    legend.box = "box";
  }
  for (const [name, meaning] of Object.entries(legend)) {
    const swatch = element("i", "");
    swatch.style.background = data.colors[name];
    const item = element("span", "");
    item.append(swatch, meaning);
    field(".legend").append(item);
  }
  // ---- links to one image: #replay:IMAGE, or #replay:IMAGE&METHOD, with the ids of reports/replay.py

  const follow = async (hash) => {
    if (!hash.startsWith("#replay:")) return;
    const [id, method] = hash.slice("#replay:".length).split("&");
    const index = data.images.findIndex((entry) => entry.id === id);
    if (index >= 0) {
      protocol.value = data.images[index].group;
      listTasks();
      task.value = data.images[index].task;
      listImages();
      image.value = index;
      await open();
      slider.value = slider.max; // tables list final results
      show();
    }
    field(".absent").hidden = index >= 0;
    const linked = index < 0 ? -1 : shown.runs.findIndex((run) => run.id === method);
    [...panels.children].forEach((panel, number) => panel.classList.toggle("linked", number === linked));
    root.scrollIntoView();
    panels.children[linked]?.scrollIntoView({ block: "nearest" });
  };

  addEventListener("hashchange", () => follow(location.hash));
  // A second click on the same link changes no hash.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#replay:']");
    if (link) follow(link.hash);
  });

  field(".stretched").textContent = data.note;
  listTasks();
  listImages();
  open().then(() => follow(location.hash));
}
