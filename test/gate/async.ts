export async function wait(): Promise<void> {} // bad: async function
