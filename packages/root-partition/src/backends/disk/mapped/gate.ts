/** Gate: tasks that wait for one thing to happen, such as space being made ready. */
import type { Task } from './task.ts';

/** Where tasks wait. Holds each task at most once, so it is bounded by the requests in flight. */
export class Gate {
  #waiting: Task[] = [];

  wait(task: Task): void {
    this.#waiting.push(task);
  }

  /** Lets all that wait go on, or fail when `status` is not ok. Those who come meanwhile wait for the next opening. */
  open(status: number): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const task of waiting) task.resume(status);
  }
}
