// A browser runs no worker in a page that is a file. The search of the theme asks for one: it gets a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.inside = frame.contentWindow;
      addEventListener("message", (event) => {
        if (event.source === this.inside) this.dispatchEvent(new MessageEvent("message", { data: event.data }));
      });
      this.ready = new Promise((done) => { this.begun = done; });
      const inside = frame.contentDocument;
      inside.open();
      inside.write("<script>postMessage = (data) => parent.postMessage(data, '*');</script>");
      const script = inside.createElement("script");
      script.src = url;
      script.onload = () => this.begun();
      inside.write("<body></body>");
      inside.body.append(script);
      inside.close();
    }

    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
    }
  };
}
