// The chart of one product: its price as steps, its demand as an area, on two scales. uPlot draws on a canvas; the page
// has the same figures as a table beside it.

import { price, time } from "/assets/format.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(width, height) {
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  return {
    width,
    height,
    cursor: { y: false, points: { size: 6 } },
    legend: { show: false },
    scales: {
      x: { time: true },
      price: { range: (_, low, high) => span(low, high, 0.08) },
      demand: { range: (_, low, high) => [0, Math.max(high * 1.6, 1)] },
    },
    axes: [
      { ...axis, space: 90, size: 28, incrs: [1, 5, 15, 30, 60], values: (_, ticks) => ticks.map((tick) => time(tick * 1000)) },
      { ...axis, scale: "price", size: 70, values: (_, ticks) => ticks.map((tick) => price(tick * 100)) },
      { ...axis, scale: "demand", side: 1, size: 46, grid: { show: false } },
    ],
    series: [
      {},
      {
        label: "demand",
        scale: "demand",
        stroke: colour("--demand"),
        fill: colour("--demand-area"),
        width: 1.5,
        points: { show: false },
      },
      { label: "list price", scale: "price", stroke: colour("--quiet"), dash: [5, 5], width: 1, points: { show: false } },
      {
        label: "price",
        scale: "price",
        stroke: colour("--price"),
        width: 2.5,
        paths: uPlot.paths.stepped({ align: 1 }),
        points: { show: false },
      },
    ],
  };
}

// Room above and below, so that a price that does not move is a line in the middle.
function span(low, high, share) {
  if (low === null || high === null) return [0, 1];
  const room = Math.max((high - low) * 0.15, high * share);
  return [Math.max(low - room, 0), high + room];
}

export class Chart {
  constructor(element) {
    this.element = element;
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(element);
    this.rebuild();
  }

  // After a change of colours.
  rebuild() {
    if (this.plot) this.plot.destroy();
    this.plot = new uPlot(options(this.element.clientWidth || 600, this.height()), this.data ?? [[], [], [], []], this.element);
  }

  height() {
    return Math.max(this.element.clientHeight, 220);
  }

  resize() {
    if (this.element.clientWidth > 0) this.plot.setSize({ width: this.element.clientWidth, height: this.height() });
  }

  show(product) {
    const history = product.history;
    this.data = [
      history.map((point) => point[0]),
      history.map((point) => point[2]),
      history.map(() => product.list / 100),
      history.map((point) => point[1]),
    ];
    this.plot.setData(this.data);
  }

  destroy() {
    this.observer.disconnect();
    this.plot.destroy();
  }
}
