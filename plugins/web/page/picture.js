// A live picture. The next one is asked for when the last has arrived, so a slow line shows fewer pictures, never older ones.

export class Picture {
  // every: the least milliseconds between two pictures.
  constructor(root, camera, every = 0) {
    this.root = root;
    this.camera = camera;
    this.every = every;
    this.canvas = document.createElement("canvas");
    this.canvas.width = 1280;
    this.canvas.height = 720;
    this.canvas.setAttribute("role", "img");
    this.number = 0;
    this.ended = false;
    this.failed = () => {};
    document.addEventListener("visibilitychange", () => this.wake?.());
  }

  show(view, title) {
    this.view = view;
    this.number = 0;
    this.canvas.setAttribute("aria-label", `${title} of ${this.camera}`);
    this.asking?.abort();
    this.running ??= this.run();
  }

  stop() {
    this.ended = true;
    this.asking?.abort();
    this.wake?.();
  }

  async run() {
    while (!this.ended) {
      const began = performance.now();
      const wait = document.hidden ? Infinity : await this.next();
      await this.sleep(Math.max(wait, this.every - (performance.now() - began)));
    }
  }

  // Draws the next picture; returns the milliseconds to wait before the one after it.
  async next() {
    const view = this.view;
    this.asking = new AbortController();
    try {
      const answer = await fetch(this.address(), { cache: "no-store", signal: this.asking.signal });
      if (answer.status === 204) return 250; // nothing new: the camera rests, and its connection is for others
      if (!answer.ok) throw new Error(await answer.text());
      const bitmap = await createImageBitmap(await answer.blob());
      if (view === this.view) this.paint(bitmap, Number(answer.headers.get("edge-number")));
      bitmap.close();
      return 0;
    } catch (problem) {
      if (problem.name === "AbortError") return 0;
      this.number = 0; // whoever answers next may count anew
      this.failed(problem);
      return 1500;
    }
  }

  address() {
    const address = new URL(`snapshot/${encodeURIComponent(this.camera)}.jpg`, this.root);
    address.search = new URLSearchParams({ view: this.view, after: this.number });
    return address;
  }

  paint(bitmap, number) {
    if (this.canvas.width !== bitmap.width || this.canvas.height !== bitmap.height) {
      this.canvas.width = bitmap.width;
      this.canvas.height = bitmap.height;
    }
    this.canvas.getContext("2d").drawImage(bitmap, 0, 0);
    this.canvas.dataset.number = this.number = number;
  }

  sleep(milliseconds) {
    if (milliseconds <= 0) return undefined;
    return new Promise((resolve) => {
      const timer = milliseconds === Infinity ? null : setTimeout(resolve, milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
